import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { writeComparison } from '../../reports/page/compare.js';
import { writeResults } from '../../reports/page/results.js';
import type { Cell } from '../../src/core/run.js';
import { environment } from '../../src/store/environment.js';
import { executeRun } from '../../src/store/execute.js';
import { THEORY_KIND, THEORY_RUNNER } from '../../theory/studies/index.js';

const root = mkdtempSync(join(tmpdir(), 'gowide-compare-'));
const [before, after, file] = [join(root, 'before'), join(root, 'after'), join(root, 'comparison.html')];
const spec = {
  study: 'saddle',
  g: 1,
  kappa: 4,
  time: 0.4,
  steps: 50,
  depths: [2, 4, 6],
  m: 1e12,
  draws: 5,
  particles: 64,
};

beforeAll(async () => {
  for (const seed of [1, 2, 3]) {
    const cell: Cell = { experiment: 'saddle', arm: 'B1', scale: 'minutes', kind: THEORY_KIND, spec, seed };
    await executeRun(cell, {
      out: before,
      environment: environment(null, 'test'),
      executors: { [THEORY_KIND]: THEORY_RUNNER.execute },
      signal: new AbortController().signal,
      progress: () => {},
    });
  }
  cpSync(before, after, { recursive: true });
});

test('equal folders: every run is the same to the byte, and no verdict differs', async () => {
  expect(await writeComparison(before, after, file)).toEqual({
    ...{ shared: 3, equal: 3, asTables: 0, changed: [], problems: [] },
  });
  const page = readFileSync(file, 'utf8');
  expect(page).toContain("default-src 'none'; style-src 'unsafe-inline'; base-uri");
  expect(page.match(/<svg role="img"/g)).toHaveLength(2);
  expect(page).not.toContain('<strong>differs</strong>');
});

test('kept tables are compared with runs, and with each other, by the figures of each run', async () => {
  const tables = join(root, 'tables');
  writeResults([before], tables);
  const same = { shared: 3, equal: 3, asTables: 3, changed: [], problems: [] };
  expect(await writeComparison(before, tables, file)).toEqual(same);
  expect(readFileSync(file, 'utf8')).toMatch(/\(3 runs\), B is <code>tables<\/code> \(3 runs\)/);
  expect(await writeComparison(tables, tables, undefined)).toEqual(same);
  const [name] = readdirSync(tables).filter((one) => one.endsWith('.jsonl')) as [string];
  const changed = join(root, 'changed');
  cpSync(tables, changed, { recursive: true });
  const text = readFileSync(join(changed, name), 'utf8');
  writeFileSync(join(changed, name), text.replace(/"telescoped":\d/, '"telescoped":9'));
  rmSync(join(changed, 'SHA256SUMS')); // by which the change would be seen before
  expect(await writeComparison(tables, changed, undefined)).toMatchObject({ shared: 3, equal: 2 });
});

test('a training run is the same as its own table, which keeps a part of what it logged', async () => {
  const [runs, tables] = [join(root, 'trained'), join(root, 'trained-tables')];
  const cell: Cell = { experiment: 'resnet-digits', arm: 'direct', scale: 'minutes', kind: 'train', spec: {}, seed: 1 };
  await executeRun(cell, {
    out: runs,
    environment: environment(null, 'test'),
    executors: {
      train: (context) => {
        context.log({ stage: 'train', step: 1, loss: 2 });
        context.log({ event: 'evaluation', accuracy: 0.5 });
        context.log({ event: 'discrepancy', when: 'end', tap: 'logits', discrepancy: 0.25 });
        const cost = { parameters: 10, steps: 1, gigaflops: 1, teacherGigaflops: 0 };
        return Promise.resolve({ result: { ...cost, validationAccuracy: 0.5, testAccuracy: 0.5 } });
      },
    },
    signal: new AbortController().signal,
    progress: () => {},
  });
  writeResults([runs], tables);
  expect(await writeComparison(runs, tables, undefined)).toMatchObject({ shared: 1, equal: 1, asTables: 1 });
});

test('a run that is missing on one side, a damaged one, and a verdict that differs are named', async () => {
  const folders = readdirSync(join(after, 'runs'));
  rmSync(join(after, 'runs', folders[0]!), { recursive: true });
  const metrics = join(after, 'runs', folders[1]!, 'metrics.jsonl');
  writeFileSync(metrics, readFileSync(metrics, 'utf8').replace('"depth":2', '"depth":3'));
  rmSync(join(after, 'runs', folders[2]!), { recursive: true });
  const { shared, changed, problems } = await writeComparison(before, after, file);
  expect(shared).toBe(0);
  expect(problems).toEqual([expect.stringMatching(/^B: .*not what the run wrote/)]);
  expect(changed.map(({ id, second }) => [id, second])).toEqual([
    ['saddle-direct', 'not run'],
    ['saddle-imitation', 'not run'],
  ]);
  expect(readFileSync(file, 'utf8')).toContain('<strong>differs</strong>');
});
