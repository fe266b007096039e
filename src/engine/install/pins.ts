/**
 * What `gowide engine install` downloads: exact versions and hashes. Nothing else is ever fetched. TensorFlow's own
 * wheels are the source: they carry the C library and its headers for each platform (src/engine/README.md).
 */

/** A Python wheel to download. */
export interface Wheel {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  /** pip platform tags to ask for. */
  readonly platforms: readonly string[];
  /** Size of the download, for the notice that is shown beforehand. */
  readonly megabytes: number;
}

/** The wheels of one build of TensorFlow for one platform. */
export interface Variant {
  readonly wheels: readonly Wheel[];
  /** Names of the two libraries inside the folder `tensorflow/` of the wheel. */
  readonly libraries: readonly [string, string];
}

/** Version of TensorFlow that the engine is built against. */
export const TENSORFLOW_VERSION = '2.21.0';
/** Version of tfjs and of tfjs-node-gpu, which must be the same. */
export const TFJS_VERSION = '4.22.0';
/** The file of that package as `npm pack` names it. */
export const TFJS_ARCHIVE = `tensorflow-tfjs-node-gpu-${TFJS_VERSION}.tgz`;
/** npm's integrity of `@tensorflow/tfjs-node-gpu` at that version. */
export const TFJS_INTEGRITY =
  'sha512-p//NN6DGiN4hInUmIkRffaFVMcdTREUMjPyjW04J7OXvB2zBlQimj61eFKSgRrH3f5TnOfKzb0n56he/B6a4bw==';

const ELF = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'] as const;
const MACH_O = ['libtensorflow_cc.2.dylib', 'libtensorflow_framework.2.dylib'] as const;

function tensorflow(name: string, platform: string, megabytes: number, sha256: string): Wheel {
  return { name, version: TENSORFLOW_VERSION, platforms: [platform], megabytes, sha256 };
}

const CUDA_PLATFORMS = [
  'manylinux_2_27_x86_64',
  'manylinux_2_17_x86_64',
  'manylinux2014_x86_64',
  'manylinux2010_x86_64',
  'manylinux_2_12_x86_64',
];

function cuda(name: string, version: string, megabytes: number, sha256: string): Wheel {
  return { name: `nvidia-${name}-cu12`, version, platforms: CUDA_PLATFORMS, megabytes, sha256 };
}

/** CPU builds by platform, `${process.platform}-${process.arch}`. */
export const CPU_VARIANTS: Readonly<Record<string, Variant>> = {
  'linux-x64': {
    libraries: ELF,
    wheels: [
      tensorflow(
        'tensorflow-cpu',
        'manylinux_2_27_x86_64',
        274,
        'dcc8afd32930e42d5296b6ee19078b773706830af4ea97fbe503b9f5e0f820cb',
      ),
    ],
  },
  'linux-arm64': {
    libraries: ELF,
    wheels: [
      tensorflow(
        'tensorflow',
        'manylinux_2_27_aarch64',
        280,
        'b07d15737406533898e36c7ef7944b1be18e9028dc521b9229952c537bbc5552',
      ),
    ],
  },
  'darwin-arm64': {
    libraries: MACH_O,
    wheels: [
      tensorflow(
        'tensorflow',
        'macosx_12_0_arm64',
        230,
        '56ecd7d47429acbe1df2694d50b75bf9fc3995ac92cb367cd9af6c4780ead712',
      ),
    ],
  },
};

/** CUDA builds by platform: TensorFlow's wheel and the CUDA 12 libraries that its `and-cuda` extra names. */
export const GPU_VARIANTS: Readonly<Record<string, Variant>> = {
  'linux-x64': {
    libraries: ELF,
    wheels: [
      tensorflow(
        'tensorflow',
        'manylinux_2_27_x86_64',
        572,
        'b3b95643c4e70eb925839938fb35cbe142f317ec84af6844ee61513713bb13c0',
      ),
      cuda('cublas', '12.9.3.13', 581, 'd7d51055f161b317c7105ddaae90e71eda059026074ffef93cf7cde2886bfe72'),
      cuda('cuda-cupti', '12.8.90', 10, 'ea0cb07ebda26bb9b29ba82cda34849e73c166c18162d3913575b0c9db9a6182'),
      cuda('cuda-nvcc', '12.9.86', 41, '5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0'),
      cuda('cuda-nvrtc', '12.9.86', 90, '210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4'),
      cuda('cuda-runtime', '12.9.79', 3, '25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3'),
      cuda('cudnn', '9.28.0.42', 717, '9ff58b7f36dacd0a93e89f8f2957b52466889217963701daa15e577317cfa375'),
      cuda('cufft', '11.4.1.4', 201, 'c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28'),
      cuda('curand', '10.3.10.19', 68, '49b274db4780d421bd2ccd362e1415c13887c53c214f0d4b761752b8f9f6aa1e'),
      cuda('cusolver', '11.7.5.82', 338, '15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88'),
      cuda('cusparse', '12.5.10.65', 366, '73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78'),
      cuda('nccl', '2.32.3', 352, 'bb94b2348e4861d5e8aa00b36c3d12d9bdf9c6369b82cbb723de0b582280a21c'),
      cuda('nvjitlink', '12.9.86', 40, 'e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9'),
    ],
  },
};
