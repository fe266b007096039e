/**
 * Sets TensorFlow up for `@tensorflow/tfjs-node-gpu`: downloads TensorFlow's own wheel, takes the C library and the
 * headers out of it, and builds the package's addon against them. Everything is made in a folder beside its final place
 * and renamed when whole, so that an install which was stopped anywhere is done again or goes on with the downloads
 * that it has.
 */
import { readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { FailureError, messageOf, UsageError } from '../../core/errors.js';
import { asFileError, makeFolder, writeAtomic } from '../../store/atomic.js';
import { waitForLock } from '../../store/lock.js';
import { cacheFolder } from '../../toolchain/cache.js';
import { checkWheels, downloadWheel, fetchTfjsPackage } from './download.js';
import {
  folderOf,
  hashesFit,
  installedIn,
  isWhole,
  MANIFEST,
  sha256Of,
  variantOf,
  whyNotInstallable,
  type Installed,
  type Manifest,
} from './installed.js';
import type { Variant } from './pins.js';
import { linkOptions } from '../../toolchain/linked.js';
import { findTools, ISOLATED, runTool } from '../../toolchain/tools.js';

const require = createRequire(import.meta.url);

/** How `gowide engine install` sets TensorFlow up. */
export interface InstallOptions {
  /** The CUDA build. */
  readonly gpu?: boolean;
  /** Folder with the wheels, and with npm's archive of tfjs-node-gpu where there is no network. */
  readonly wheels?: string | undefined;
  /** Check every file by its hash, not by its size alone. */
  readonly thorough?: boolean;
  /** Told what is under way, and how many of how many megabytes (or steps) are done. */
  readonly report?: (stage: string, done: number, total: number) => void;
  /** Told why an addon could not be built that the engine works without, though more slowly. */
  readonly missing?: (reason: string) => void;
}

/**
 * Installs what is missing and returns it; at once when it is there. Throws UsageError where it cannot be installed,
 * FailureError when a download or the build fails.
 */
export async function installTensorflow(options: InstallOptions = {}): Promise<Installed> {
  const gpu = options.gpu ?? false;
  const variant = variantOf(gpu);
  if (variant === undefined) throw new UsageError(`${whyNotInstallable(gpu)}; use --engine webgpu or --engine wasm`);
  const folder = folderOf(gpu, variant);
  const installed = installedIn(folder, gpu, variant);
  const whole = async (): Promise<boolean> => (options.thorough ? hashesFit(folder) : isWhole(folder));
  if (await whole()) return installed;
  const obstacle = whyNotInstallable(gpu);
  if (obstacle !== undefined) throw new UsageError(`TensorFlow cannot be set up: ${obstacle}`);
  makeFolder(cacheFolder());
  const lock = await waitForLock(join(cacheFolder(), 'install.lock'), {
    onWait: ({ pid }) => options.report?.(`waiting for the install of process ${pid}`, 0, 0),
  });
  try {
    if (!(await whole())) await build(variant, folder, options);
    return installed;
  } finally {
    lock.release();
  }
}

async function build(
  variant: Variant,
  folder: string,
  { gpu = false, wheels, report = () => {} }: InstallOptions,
): Promise<void> {
  const { python, compiler } = findTools();
  const partial = `${folder}.partial`;
  const downloads = join(partial, 'wheels');
  const root = join(partial, 'root');
  rmSync(root, { recursive: true, force: true });
  makeFolder(downloads);
  makeFolder(root);
  checkWheels(variant.wheels, wheels, downloads);
  const source = await fetchTfjsPackage(python!, wheels, report);
  const total = variant.wheels.reduce((sum, wheel) => sum + wheel.megabytes, 0);
  let before = 0;
  for (const wheel of variant.wheels) {
    const file = await downloadWheel(python!, wheel, wheels, downloads, (megabytes) =>
      report(`download ${wheel.name} ${wheel.version}`, before + megabytes, total),
    );
    report(`unpack ${wheel.name}`, before + wheel.megabytes, total);
    await runTool(python!, [...ISOLATED, '-c', UNPACK, file, root, variant.libraries.join(',')]);
    before += wheel.megabytes;
  }
  report('build the addon', 0, 1);
  const made = installedIn(root, gpu, variant);
  await compile(compiler!, source, made);
  await smokeTest(made.addon);
  report('build the addon', 1, 1);
  await seal(root);
  rmSync(folder, { recursive: true, force: true });
  try {
    renameSync(root, folder);
  } catch (error) {
    throw asFileError(error, folder);
  }
  rmSync(partial, { recursive: true, force: true });
}

/** A Python program that takes from a wheel its libraries, CUDA's compiler, and the headers that the addon includes. */
const UNPACK = `
import sys, zipfile, os
wheel, root, libraries = sys.argv[1:4]
keep = tuple('tensorflow/' + name for name in libraries.split(',')) + tuple('tensorflow/include/' + name for name in (
    'tensorflow/c/', 'tensorflow/core/platform/ctstring', 'tsl/platform/ctstring', 'xla/tsl/c/'))
with zipfile.ZipFile(wheel) as archive:
    for entry in archive.infolist():
        name = entry.filename
        part = any(folder in name for folder in ('/lib/', '/bin/', '/nvvm/'))
        cuda = name.startswith('nvidia/') and part and not name.endswith(('.a', '.h', '.py'))
        if entry.is_dir() or not (name.startswith(keep) or cuda): continue
        path = archive.extract(entry, root)
        if '/bin/' in name: os.chmod(path, 0o755)
`;

async function compile(compiler: string, source: string, made: Installed): Promise<void> {
  const headers = join(dirname(require.resolve('node-api-headers/package.json')), 'include');
  const binding = join(source, 'binding');
  const mac = process.platform === 'darwin';
  const here = mac ? '@loader_path' : '$ORIGIN';
  const link = [
    ...(mac ? ['-undefined', 'dynamic_lookup'] : []),
    ...linkOptions(compiler, made.libraries, `${made.folder}.libraries`, `${here}/tensorflow`),
  ];
  const include = [headers, made.headers, binding].map((folder) => `-I${folder}`);
  const sources = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join(binding, name));
  await runTool(compiler, [
    '-std=c++17',
    '-O2',
    '-fPIC',
    '-shared',
    '-DNAPI_VERSION=8',
    ...include,
    ...sources,
    '-o',
    made.addon,
    ...link,
  ]);
}

/**
 * Loads the addon in a process of its own: a library that the processor cannot run ends that process and not this one.
 * Throws FailureError when it does not load.
 */
export async function smokeTest(addon: string): Promise<void> {
  const script = 'process.stdout.write(require(process.argv[1]).TF_Version)';
  try {
    await runTool(process.execPath, ['-e', script, addon], { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' });
  } catch (error) {
    throw new FailureError(`the TensorFlow addon does not load: ${messageOf(error)}`);
  }
}

async function seal(root: string): Promise<void> {
  const files: Record<string, { bytes: number; sha256: string }> = {};
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    files[relative(root, path)] = { bytes: statSync(path).size, sha256: await sha256Of(path) };
  }
  writeAtomic(join(root, MANIFEST), JSON.stringify({ files } satisfies Manifest, null, 1));
}
