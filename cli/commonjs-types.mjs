/**
 * Declarations for `require`, a part of `npm run build`: those of what package.json exports once more, in a folder whose
 * package.json calls them CommonJS. TypeScript's module setting `node16` takes no others there, although Node itself
 * gives `require` the ES modules.
 */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const dist = resolve(import.meta.dirname, '../dist');
const to = join(dist, 'commonjs');
rmSync(to, { recursive: true, force: true });
mkdirSync(to, { recursive: true });
writeFileSync(join(to, 'package.json'), '{ "type": "commonjs" }\n');
for (const folder of ['src', 'theory', 'experiments', 'reports'])
  cpSync(join(dist, folder), join(to, folder), {
    recursive: true,
    filter: (path) => path.endsWith('.d.ts') || !/\.\w+$/.test(path),
  });
