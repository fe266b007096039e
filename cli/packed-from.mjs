/**
 * Before `npm pack` and `npm publish`: notes the commit that is packed in packed-from.json, so that runs of an
 * installed package say what they were made by, as those of a checkout do.
 */
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const file = join(root, 'packed-from.json');

const git = (...args) => {
  const { status, stdout } = spawnSync('git', ['-C', root, ...args], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
};

const commit = git('rev-parse', 'HEAD');
const changes = git('status', '--porcelain', '--untracked-files=no');
if (commit === undefined || changes === undefined) rmSync(file, { force: true });
else writeFileSync(file, `${JSON.stringify({ commit, dirty: changes !== '' })}\n`);
