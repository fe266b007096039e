/** What a run was run with. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { packageRoot, packageVersion } from '../core/package.js';
import type { EngineInfo, Environment } from './runs.js';

let checkout: { commit: string | null; dirty: boolean | null } | undefined;

/** Commit of the checkout that this process began with, and whether it had changes; null outside a checkout. */
function commit(): { commit: string | null; dirty: boolean | null } {
  return (checkout ??= readCommit());
}

function readCommit(): { commit: string | null; dirty: boolean | null } {
  const root = packageRoot();
  if (!existsSync(join(root, '.git'))) return { commit: null, dirty: null };
  const git = (...args: string[]): string | undefined => {
    const { status, stdout } = spawnSync('git', ['-C', root, ...args], { encoding: 'utf8', timeout: 10_000 });
    return status === 0 ? stdout.trim() : undefined;
  };
  const head = git('rev-parse', 'HEAD');
  const changes = git('status', '--porcelain', '--untracked-files=no');
  return { commit: head ?? null, dirty: changes === undefined ? null : changes !== '' };
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
