/** Python environments of our own, in the cache, for programs that ours are compared with. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { FailureError, messageOf } from '../core/errors.js';
import { packageRoot } from '../core/package.js';
import { cacheFolder } from './cache.js';
import { findTools, ISOLATED, runTool } from './tools.js';

/**
 * Command of a Python that imports `module`: that of the environment `name`, which is made with `packages` when it is
 * missing. Throws FailureError without Python and pip, or when the download fails.
 */
export async function pythonWith(name: string, module: string, packages: readonly string[]): Promise<string> {
  const folder = join(cacheFolder(), 'peer', name);
  const python = process.platform === 'win32' ? join(folder, 'Scripts', 'python.exe') : join(folder, 'bin', 'python');
  if (imports(python, module)) return python;
  const { python: base } = findTools();
  if (base === undefined) throw new FailureError('Python 3 with pip was not found on the PATH');
  await runTool(base, [...ISOLATED, '-m', 'venv', '--clear', folder]);
  await runTool(python, [...ISOLATED, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages]);
  return python;
}

/**
 * A Python with packages, as {@link pythonWith} makes it, for a comparison that can be left out: `onStage` hears of it,
 * and what went wrong goes to `notes`.
 */
export async function peerPython(
  peer: string,
  packages: readonly string[],
  notes: string[],
  onStage: (text: string) => void,
  [name, module]: readonly [string, string],
): Promise<string | undefined> {
  onStage(`${peer}: preparing`);
  try {
    return await pythonWith(name, module, packages);
  } catch (error) {
    notes.push(`${peer} was not run: ${messageOf(error)}`);
    return undefined;
  }
}

/** Whether that command is a Python that has the module. */
export function imports(python: string, module: string): boolean {
  return (
    spawnSync(python, [...ISOLATED, '-c', `import ${module}`], { stdio: 'ignore', cwd: packageRoot() }).status === 0
  );
}
