/** What the program does not load: the large packages, where a command does without them. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { gowide, LIMIT, newFolder, PROGRAM } from '../support/program.js';

const HOOK = ['--import', pathToFileURL(resolve(import.meta.dirname, '../support/loaded-modules.mjs')).href];
const LARGE = /node_modules\/(@tensorflow|bullmq|ioredis|sharp|webgpu)\//;
/** Into these the build bundles vega, vega-lite, arquero and mathjs. */
const BUNDLED = /dist\/(reports\/(page\/render|data\/csv)|theory\/verify\/symbolic)\.js$/;
const file = join(newFolder(), 'loaded');
const loaded = (): string[] => readFileSync(file, 'utf8').split('\n').filter(Boolean);

test.each<[string[], number]>([
  [['--version'], 0],
  [['--help'], 0],
  [['params', 'resnet50'], 0],
  [['train', '--help'], 0],
  [['theory', 'list'], 0],
  [['runs', 'list', '--out', newFolder()], 2],
  [['frobnicate'], 2],
])('gowide %j starts without tfjs, vega, mathjs and other large packages', (args, status) => {
  expect(gowide(args, { LOADED_MODULES: file }, HOOK).status).toBe(status);
  expect(loaded()).toContain(pathToFileURL(resolve(PROGRAM, '../program.js')).href);
  expect(loaded().filter((url) => LARGE.test(url) || BUNDLED.test(url))).toEqual([]);
});

test('a command loads its own file, and no other command’s', () => {
  gowide(['runs', 'list', '--out', newFolder()], { LOADED_MODULES: file }, HOOK);
  const commands = loaded().flatMap((url) => url.match(/\/cli\/commands\/(.*)$/)?.[1] ?? []);
  expect(commands.sort()).toEqual(['runs/index.js', 'runs/list.js']);
});

test('the first use of a tensor is seen to load tfjs', () => {
  const script = `import(${JSON.stringify(pathToFileURL(resolve(PROGRAM, '../../src/engine/tensor.js')).href)}).then(({ tf }) => tf.version_core)`;
  const { status } = spawnSync(process.execPath, [...HOOK, '-e', script], {
    env: { ...process.env, LOADED_MODULES: file },
    timeout: LIMIT,
    killSignal: 'SIGKILL',
  });
  expect(status).toBe(0);
  expect(loaded().some((url) => /node_modules\/@tensorflow\/tfjs-core\//.test(url))).toBe(true);
});

test('drawing a report is seen to load the files with bundled packages', () => {
  const [results, few] = [resolve(import.meta.dirname, '../../reports/results'), newFolder()];
  for (const name of readdirSync(results))
    if (/^(bounds|frontier-digits)\.laptop\./.test(name)) copyFileSync(join(results, name), join(few, name));
  const args = ['report', few, '--out', join(newFolder(), 'report.html')];
  expect(gowide(args, { LOADED_MODULES: file }, HOOK).status).toBe(0);
  expect(loaded().filter((url) => BUNDLED.test(url)).length).toBe(2);
});
