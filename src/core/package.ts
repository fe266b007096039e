/** This package as npm has installed it: its folder, its version, and the packages that it can do without. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { codeOf, FailureError, messageOf } from './errors.js';

interface Manifest {
  readonly version: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const require = createRequire(import.meta.url);

/** The package's root: the folder with package.json above this file, in the sources or in dist. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

/** The version in package.json. */
export function packageVersion(): string {
  return manifest().version;
}

function manifest(): Manifest {
  return JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as Manifest;
}

/**
 * Folder of an npm package that not every install has. Throws FailureError with the command that installs it when it
 * is missing; `purpose` says what needs it ("the data set digits").
 */
export function packageFolder(name: string, purpose: string): string {
  try {
    return dirname(require.resolve(`${name}/package.json`));
  } catch (error) {
    throw asMissingPackage(error, purpose);
  }
}

/** The line of npm that installs those of the packages that are missing; undefined when all are here. */
export function missingPackages(...names: readonly string[]): string | undefined {
  const missing = names.filter((name) => !hasPackage(name));
  return missing.length === 0 ? undefined : installCommand(...missing);
}

/** Whether an npm package is installed. It is not loaded. */
export function hasPackage(name: string): boolean {
  try {
    require.resolve(`${name}/package.json`);
    return true;
  } catch {
    return false;
  }
}

/** The line of npm that installs packages in the versions that package.json names: `npm i webgpu@0.6.2`. */
function installCommand(...names: readonly string[]): string {
  const { optionalDependencies, peerDependencies } = manifest();
  const versions: Readonly<Record<string, string>> = { ...peerDependencies, ...optionalDependencies };
  return `npm i ${names.map((name) => (versions[name] === undefined ? name : `${name}@${versions[name]}`)).join(' ')}`;
}

/**
 * Node's error about a package that is not installed as a FailureError of one line with the command that installs it;
 * any other error as it is. `purpose` says what needs the package.
 */
export function asMissingPackage(error: unknown, purpose = 'this'): unknown {
  if (!['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].includes(codeOf(error) ?? '')) return error;
  const name = /^Cannot find (?:package|module) '((?:@[\w.-]+\/)?[\w-][\w.-]*)/.exec(messageOf(error))?.[1];
  if (name === undefined) return error;
  return new FailureError(`${purpose} needs the npm package ${name}, which is not installed: ${installCommand(name)}`);
}
