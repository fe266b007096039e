/** Which installs of TensorFlow are on this machine, and whether they are whole. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { hashOf, type Json } from '../../core/json.js';
import { writeAtomic } from '../../store/atomic.js';
import { hashRegular, SETTLED_MS } from '../../store/regular.js';
import { cacheFolder } from '../../toolchain/cache.js';
import { CPU_VARIANTS, GPU_VARIANTS, TENSORFLOW_VERSION, TFJS_VERSION, type Variant } from './pins.js';
import { strangerIn } from '../../toolchain/owner.js';
import { findTools, missingTools } from '../../toolchain/tools.js';

const require = createRequire(import.meta.url);

/** An install of TensorFlow in the cache. */
export interface Installed {
  /** Whether it is the CUDA build. */
  readonly gpu: boolean;
  readonly folder: string;
  /** The addon, linked to the libraries beside it. */
  readonly addon: string;
  /** Folder of the headers of TensorFlow's C library. */
  readonly headers: string;
  /** Paths of TensorFlow's two libraries. */
  readonly libraries: readonly string[];
}

/** The install of a build in a folder, whether it is there or not. */
export function installedIn(folder: string, gpu: boolean, { libraries }: Variant): Installed {
  const tensorflow = join(folder, 'tensorflow');
  return {
    gpu,
    folder,
    addon: join(folder, ADDON),
    headers: join(tensorflow, 'include'),
    libraries: libraries.map((name) => join(tensorflow, name)),
  };
}

/** Files of an install by their paths in its folder, as they were when it was made. */
export interface Manifest {
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;
}

/** Name of the file with the {@link Manifest}, whose presence says that the install was finished. */
export const MANIFEST = 'installed.json';
/** Name of the addon's file. */
const ADDON = 'tfjs_binding.node';

function platformName(): string {
  return `${process.platform}-${process.arch}`;
}

/** The build for this platform, or undefined where TensorFlow has none. */
export function variantOf(gpu: boolean): Variant | undefined {
  return (gpu ? GPU_VARIANTS : CPU_VARIANTS)[platformName()];
}

/** Folder of a build in the cache, named after its pins, so that other pins get a folder of their own. */
export function folderOf(gpu: boolean, variant: Variant): string {
  const pins = hashOf(variant as unknown as Json).slice(0, 8);
  return join(cacheFolder(), `tensorflow-${TENSORFLOW_VERSION}-${gpu ? 'cuda' : 'cpu'}-${pins}`);
}

/** Why TensorFlow cannot be installed here, in one line; undefined when it can. */
export function whyNotInstallable(gpu = false): string | undefined {
  if (variantOf(gpu) === undefined) {
    const known = Object.keys(gpu ? GPU_VARIANTS : CPU_VARIANTS).join(', ');
    return `TensorFlow ${gpu ? 'with CUDA ' : ''}is set up on ${known} only, this is ${platformName()}`;
  }
  return missingTools(findTools());
}

/** An install that is whole, the CUDA one first. */
export function findInstalled(): Installed | undefined {
  for (const gpu of [true, false]) {
    const variant = variantOf(gpu);
    const folder = variant && folderOf(gpu, variant);
    if (folder !== undefined && isWhole(folder)) return installedIn(folder, gpu, variant!);
  }
  return undefined;
}

/** Folder of an install of which a file is missing or is another than was installed, or undefined. */
export function findBroken(): string | undefined {
  return [true, false]
    .map((gpu) => ({ gpu, variant: variantOf(gpu) }))
    .flatMap(({ gpu, variant }) => (variant ? [folderOf(gpu, variant)] : []))
    .find((folder) => existsSync(folder) && !isWhole(folder));
}

function readManifest(folder: string): Manifest | undefined {
  try {
    const manifest = JSON.parse(readFileSync(join(folder, MANIFEST), 'utf8')) as Partial<Manifest>;
    return manifest.files === undefined ? undefined : (manifest as Manifest);
  } catch {
    return undefined;
  }
}

/**
 * Whether every file of an install has the size that it was installed with, and the addon, which is small, its content;
 * and whether nobody else could have put it there.
 */
function sizesFit(folder: string): boolean {
  const manifest = readManifest(folder);
  if (manifest === undefined || strangerIn([folder, join(folder, MANIFEST), join(folder, ADDON)]) !== undefined)
    return false;
  const addon = manifest.files[ADDON];
  if (addon !== undefined && !hasHash(join(folder, ADDON), addon.sha256)) return false;
  return Object.entries(manifest.files).every(
    ([name, { bytes }]) => statSync(join(folder, name), { throwIfNoEntry: false })?.size === bytes,
  );
}

function hasHash(path: string, sha256: string): boolean {
  try {
    return hashRegular(path, { links: true }).sha256 === sha256;
  } catch {
    return false;
  }
}

/** Name of the file that remembers in which state the files were when their content was compared. */
const CHECKED = 'checked.json';

/**
 * Whether every file of an install has the bytes that it was installed with. They are read once, some seconds, and
 * again only where a file has other times, another size or another number on the disk than when they were read: every
 * write sets the time of change, which no program can set back.
 */
export function isWhole(folder: string, settled = SETTLED_MS): boolean {
  if (!sizesFit(folder)) return false;
  const { files } = readManifest(folder)!;
  const [path, { marks, newest }] = [join(folder, CHECKED), marksOf(folder, Object.keys(files))];
  if (isRemembered(path, marks)) return true;
  if (!Object.entries(files).every(([name, { sha256 }]) => hasHash(join(folder, name), sha256))) return false;
  try {
    writeAtomic(path, JSON.stringify({ marks }));
    if (statSync(path).mtimeMs - newest < settled) rmSync(path); // both times are the file system's own
  } catch {
    // a cache that is full or may not be written: the files are read the next time, too
  }
  return true;
}

function isRemembered(path: string, marks: string): boolean {
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as { marks?: unknown }).marks === marks;
  } catch {
    return false;
  }
}

/** What files that were not written to are known by, and when one was changed last. */
function marksOf(folder: string, names: readonly string[]): { readonly marks: string; readonly newest: number } {
  const hash = createHash('sha256');
  let newest = 0;
  for (const name of names) {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(join(folder, name), { bigint: true });
    hash.update(`${dev}.${ino}.${size}.${mtimeNs}.${ctimeNs} ${name}\n`);
    newest = Math.max(newest, Number((mtimeNs > ctimeNs ? mtimeNs : ctimeNs) / 1_000_000n));
  }
  return { marks: hash.digest('hex'), newest };
}

/** Whether every file of an install has the bytes that it was installed with, whatever is remembered. */
export async function hashesFit(folder: string): Promise<boolean> {
  if (!sizesFit(folder)) return false;
  for (const [name, { sha256 }] of Object.entries(readManifest(folder)!.files)) {
    if ((await sha256Of(join(folder, name))) !== sha256) return false;
  }
  return true;
}

/** SHA-256 of a file, in hexadecimal. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Where the package is kept when it is nobody's dependency. */
export function cachedTfjsPackage(): string {
  return join(cacheFolder(), `tfjs-node-gpu-${TFJS_VERSION}`);
}

/** Folder of `@tensorflow/tfjs-node-gpu`: as a dependency of the user's where there is one, else in the cache. */
export function findTfjsPackage(): string | undefined {
  try {
    return dirname(require.resolve('@tensorflow/tfjs-node-gpu/package.json'));
  } catch {
    return existsSync(join(cachedTfjsPackage(), 'package.json')) ? cachedTfjsPackage() : undefined;
  }
}
