/** What a run was run with. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { packageRoot, packageVersion } from '../core/package.js';
import type { EngineInfo, Environment } from './runs.js';

/** What the program was built from: a commit, and whether the checkout had changes; null where that is not known. */
interface Source {
  readonly commit: string | null;
  readonly dirty: boolean | null;
}

const UNKNOWN: Source = { commit: null, dirty: null };
let source: Source | undefined;

/** The commit of the checkout that this process began with; in an installed package, the one that was packed. */
function commit(): Source {
  return (source ??= readSource(packageRoot()));
}

/** The commit that the package in a folder was made from: of its checkout, else the one that was packed. */
export function readSource(root: string): Source {
  if (!existsSync(join(root, '.git'))) return packedFrom(join(root, 'packed-from.json'));
  const git = (...args: string[]): string | undefined => {
    const { status, stdout } = spawnSync('git', ['-C', root, ...args], { encoding: 'utf8', timeout: 10_000 });
    return status === 0 ? stdout.trim() : undefined;
  };
  const head = git('rev-parse', 'HEAD');
  const changes = git('status', '--porcelain', '--untracked-files=no');
  return { commit: head ?? null, dirty: changes === undefined ? null : changes !== '' };
}

function packedFrom(file: string): Source {
  try {
    const { commit, dirty } = JSON.parse(readFileSync(file, 'utf8')) as Partial<Source>;
    return typeof commit === 'string' ? { commit, dirty: dirty === true } : UNKNOWN;
  } catch {
    return UNKNOWN; // packed outside a checkout
  }
}

/** The environment of this process. */
export function environment(engine: EngineInfo | null, command: string): Environment {
  return {
    started: new Date().toISOString(),
    command,
    package: packageVersion(),
    ...commit(),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    engine: engine && { name: engine.name, version: engine.version, device: engine.device, threads: engine.threads },
  };
}
