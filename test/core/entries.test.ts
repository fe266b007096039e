/** What programs of users add to the registries, by the names under which they import this package. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { PROGRAM } from '../support/program.js';
import { beginningWith, program, userFolder } from '../support/user-package.js';

const ROOT = resolve(import.meta.dirname, '../..');
const NAME = 'go-wide-then-narrow';
const folder = userFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Each function with its entry, a call of it, and the registry in which the new name then stands. */
const REGISTERED: readonly (readonly [entry: string, name: string, call: string, registry: string, key: string])[] = [
  ['', 'registerImitationLoss', "('cosine', (thin, wide) => wide)", 'IMITATION_LOSSES', 'cosine'],
  ['', 'registerDataset', "({ name: 'checkers', spec, open: fail, shape: () => [8, 8, 1] })", 'DATASETS', 'checkers'],
  ['', 'registerFamily', "({ ...library.FAMILIES.resnet, name: 'tower', spec, presets: {} })", 'FAMILIES', 'tower'],
  [
    '',
    'registerSourceFormat',
    "({ name: 'mine', looks: 'x.mine', matches: () => false, open: fail })",
    'SOURCE_FORMATS',
    'mine',
  ],
  [
    '',
    'registerDataForm',
    "({ name: 'mine', looks: 'x.rows', matches: () => false, open: fail })",
    'DATA_FORMS',
    'mine',
  ],
  ['/theory', 'registerStudy', '(study)', 'STUDIES', 'halving'],
  ['/theory', 'registerLimit', "({ ...theory.LIMITS.clt, name: 'double' })", 'LIMITS', 'double'],
  ['/experiments', 'registerExperiment', '(experiment)', 'EXPERIMENTS', 'halving'],
  [
    '/experiments',
    'registerFrontier',
    "({ ...experiments.FRONTIERS['resnet-digits'], name: 'frontier-mine', key: 'mine' })",
    'FRONTIERS',
    'mine',
  ],
  [
    '/reports',
    'registerClaim',
    "({ id: 'quarter', statement: 's', source: 's', rule: 'r', experiment, rows: () => [], judge: fail })",
    'CLAIMS',
    'quarter',
  ],
  ['/reports', 'registerFigure', "({ id: 'halves', section: 'halves', draw: () => undefined })", 'FIGURES', 'halves'],
  ['/reports', 'registerSection', "({ group: 'halves', title: 'Halves', text: 'of halves' })", 'SECTIONS', 'halves'],
  [
    '/sweep',
    'registerBackend',
    "(sweep.defineBackend({ name: 'nowhere', description: 'runs nothing', options: {}, run: async ({ cells }) => submitted(cells) }))",
    'BACKENDS',
    'nowhere',
  ],
];

const ENTRIES = [...new Set(REGISTERED.map(([entry]) => entry))];
const local = (entry: string): string => entry.slice(1) || 'library';
const all = ENTRIES.map(local).join(', ');

const BODY = `
const fail = () => { throw new Error('not called here'); };
const spec = z.looseObject({});
const submitted = (cells) => ({ state: 'submitted', data: { cells: cells.length }, text: cells.length + ' cells for nobody' });
const study = {
  name: 'halving',
  law: 'a half of a half is a quarter',
  rule: 'exactly',
  schema: z.strictObject({ study: z.literal('halving'), times: z.int().min(1) }),
  cost: () => 1e-6,
  run: async ({ times }, seed) => [{ value: seed / 2 ** times }],
};
const experiment = {
  ...{ name: 'halving', group: 'halves', title: 'Halves of halves', kind: experiments.THEORY_KIND, seeds: { minutes: 3 } },
  arms: () => ({ twice: { spec: { study: 'halving', times: 2 } } }),
};
${REGISTERED.map(([entry, name, call]) => `${local(entry)}.${name}${call};`).join('\n')}
if (process.argv[2] === 'print')
  console.log(JSON.stringify({ ${REGISTERED.map(([entry, name, , registry, key]) => `${name}: Object.hasOwn(${local(entry)}.${registry}, '${key}')`).join(', ')} }));
`;

const esm = program(
  folder,
  'mine.mjs',
  `import { z } from 'zod';
${ENTRIES.map((entry) => `import * as ${local(entry)} from '${NAME}${entry}';`).join('\n')}
${BODY}`,
);
const commonjs = program(
  folder,
  'mine.cjs',
  `const { z } = require('zod');
const [${all}] = ${JSON.stringify(ENTRIES.map((entry) => NAME + entry))}.map((name) => require(name));
${BODY}`,
);

const run = (args: readonly string[], env: NodeJS.ProcessEnv = process.env): string => {
  const { stdout, stderr, status } = spawnSync(process.execPath, args, {
    ...{ cwd: folder, env, encoding: 'utf8', timeout: 120_000, killSignal: 'SIGKILL' },
  });
  expect(`${status} ${status === 0 ? '' : stderr}`).toBe('0 ');
  return stdout;
};

test.each([
  ['import', esm],
  ['require', commonjs],
])('by %s each function is reached, and adds what it is given', (_, file) => {
  const expected = Object.fromEntries(REGISTERED.map(([, name]) => [name, true]));
  expect(JSON.parse(run([file, 'print']))).toEqual(expected);
});

test('every function of the table in CONTRIBUTING.md is one of these, and none is missing there', () => {
  const table = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8');
  const found = [...table.matchAll(/`(register\w+)`(?: of `([^`]+)`)?/g)].map(([, name, entry]) => [name, entry ?? '']);
  expect(found.sort()).toEqual(REGISTERED.map(([entry, name]) => [name, entry]).sort());
});

describe('the program takes what was registered before it began', () => {
  const gowide = (...args: string[]): string => run([PROGRAM, ...args], beginningWith(esm));
  test('a study, its experiment and a back end', () => {
    expect(gowide('sweep', 'run', 'halving', '--backend', 'nowhere', '--out', join(folder, 'out'))).toContain(
      '3 cells for nobody',
    );
  });
  test('a data set and a section', () => {
    expect(gowide('train', 'resnet', '--help')).toMatch(/\bcheckers\b/);
    const report = join(folder, 'report.html');
    gowide('theory', 'run', 'halving', '--out', join(folder, 'out'));
    gowide('report', join(folder, 'out'), '--out', report);
    expect(readFileSync(report, 'utf8')).toContain('of halves');
  });
});

test.each(ENTRIES)('importing go-wide-then-narrow%s loads no tensor engine, and nothing that draws', (entry) => {
  const loaded = join(folder, 'loaded');
  const hook = pathToFileURL(resolve(import.meta.dirname, '../support/loaded-modules.mjs')).href;
  const file = program(folder, 'loads.mjs', `import '${NAME}${entry}';`);
  run(['--import', hook, file], { ...process.env, LOADED_MODULES: loaded });
  const urls = readFileSync(loaded, 'utf8').split('\n');
  expect(urls.some((url) => url.includes('/dist/'))).toBe(true);
  expect(
    urls.filter((url) => /node_modules\/(@tensorflow|bullmq|ioredis|sharp|webgpu)\/|page\/render\.js$/.test(url)),
  ).toEqual([]);
});

test('a program that is no file starts an engine, and a name of none is refused with those that there are', () => {
  const lines = `import { startEngine } from '${NAME}';
    console.log((await startEngine('wasm', 'a test')).name, process.argv.length);
    await startEngine('nonsense', 'a test').catch((error) => console.log(error.name, error.message));`;
  expect(run(['--input-type=module', '-e', lines])).toBe(
    'wasm 1\nUsageError unknown engine "nonsense"; expected one of: tensorflow, webgpu, wasm.\n',
  );
});

test('each entry of package.json has its files, for import and require', () => {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { exports: object };
  const paths = JSON.stringify(exports).match(/\.\/dist\/[^"]*/g)!;
  expect(paths.length).toBe(2 * ENTRIES.length);
  expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});
