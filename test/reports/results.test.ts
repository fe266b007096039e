import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { EXPERIMENTS, theoryExperiments } from '../../experiments/registry.js';
import { fromCsv, fromLines, toCsv, toLines, type ResultRow } from '../../reports/data/csv.js';
import { factsOf, wideArmOf } from '../../reports/data/facts.js';
import { intervalOf } from '../../reports/figures/figure.js';
import { toMarkdown } from '../../reports/page/arm-table.js';
import { withoutRows, withRows, type KeptSpec } from '../../reports/page/kept-specs.js';
import { writeReport } from '../../reports/page/report.js';
import { writeResults } from '../../reports/page/results.js';
import { OUTCOMES } from '../../reports/claims/verdict.js';
import type { Scale } from '../../src/core/experiment.js';
import { costOf } from '../../src/method/cost/cost.js';
import { parseTrainSpec } from '../../src/method/run/check-spec.js';
import { KEPT, KEPT_RECORDS, KEPT_REPORT } from './kept.js';

const values = (testAccuracy: number, logitDiscrepancy: number | null = null): ResultRow['values'] => ({
  parameters: 10,
  steps: 5,
  gigaflops: 1,
  teacherGigaflops: 2,
  validationAccuracy: 80,
  testAccuracy,
  testCrossEntropy: 0.5,
  logitDiscrepancy,
});
const ROWS: ResultRow[] = [1, 2, 3].flatMap((seed) => [
  { arm: 'direct', seed, run: `a${seed}`, values: values(70 + seed) },
  { arm: 'selected, "none"', seed, run: `b${seed}`, values: values(75 + seed, 0.25) },
]);

test('rows survive the way into a CSV and back, with commas and quotes in names, and without values', () => {
  expect(fromCsv(toCsv(ROWS))).toEqual(ROWS);
  expect(() => fromCsv('arm,seed\nx,1\n')).toThrow('results: expected the columns arm,seed,run,');
});

test('logged rows survive the way into lines and back; a damaged line is named', () => {
  const rows = [{ arm: 'no skip', seed: 1, run: 'a', values: { depth: 2, direct: 0.1, event: 'x' } }];
  expect(fromLines(toLines(rows))).toEqual(rows);
  expect(() => fromLines('{"arm":"a","seed":1,"run":"r"}\n{"arm":')).toThrow('line 2: not valid JSON');
  expect(() => fromLines('{"arm":"a"}\n')).toThrow('line 1: expected "arm", "seed" and "run"');
});

test('the table has a mean, an interval and a difference paired by seed for each arm', () => {
  const text = toMarkdown('resnet-digits', 'laptop', ROWS);
  expect(text).toContain('| direct | 3 | 10 | 5 | 1.0 | 2.0 | 80.0 [80.0, 80.0] | 72.0 [69.5, 74.4] |  |  |');
  expect(text).toContain(
    '| selected, "none" | 3 | 10 | 5 | 1.0 | 2.0 | 80.0 [80.0, 80.0] | 77.0 [74.4, 79.4] | 5.0 [5.0, 5.0] to direct | 0.25 |',
  );
});

test('percentages have the interval of the figures, which ends between 0 and 100, and the table says which it is', () => {
  const shares = [90, 99.9, 100];
  const rows = shares.map((share, i) => ({ ...ROWS[0]!, seed: i + 1, values: values(share) }));
  const text = toMarkdown('resnet-digits', 'laptop', rows);
  const { mean, low, high } = intervalOf(shares, true);
  const [all, from, to] = [mean, low, high].map((one) => Number(one).toFixed(1));
  expect(text).toContain(`| ${all} [${from}, ${to}] |`);
  expect([Number(low) < 90, Number(high)]).toEqual([true, expect.closeTo(100, 0)]);
  expect(Number(high)).toBeLessThanOrEqual(100);
  expect(text).toContain('those of percentages on the logit scale, as in the figures');
});

test('of a language model the cross-entropy is compared, and its perplexity shown', () => {
  const rows = ROWS.map((row, i) => ({
    ...row,
    values: { ...row.values, testCrossEntropy: i % 2 === 0 ? 5 : 4 + row.seed / 10 },
  }));
  const text = toMarkdown('bert-glosses', 'laptop', rows);
  expect(text).toContain('| test cross-entropy, nats | test perplexity | cross-entropy, paired difference |');
  expect(text).toContain('| 5.000 [5.000, 5.000] | 148.4 [148.4, 148.4] |  |  |');
  expect(text).toContain('| 4.200 [3.952, 4.448] | 66.9 [50.3, 83.5] | −0.800 [−1.048, −0.552] to direct | 0.25 |');
  expect(text).toContain('gowide train bert --experiment bert-glosses');
});

test('each arm is compared with its control', () => {
  const baselineOf = (experiment: string, arm: string): string | undefined =>
    factsOf(experiment, 'laptop', arm).baseline;
  expect(baselineOf('depth-skip', '16 plain closed-form')).toBe('16 plain selected-kl');
  expect(baselineOf('resnet-ablations', 'selected, closed form')).toBe('selected, none');
  expect(baselineOf('resnet-ablations', 'few images: three-stage')).toBe('few images: direct');
  expect(baselineOf('resnet-ablations', 'kl')).toBe('own inputs');
  expect(baselineOf('bert-supersense', 'direct')).toBe('fresh');
  expect(baselineOf('resnet-digits', 'kd')).toBe('direct');
});

test('facts of an arm come from its declaration at any scale; an arm of none has its name for a label', () => {
  expect(factsOf('depth-skip', 'minutes', '32 skip kd')).toEqual({
    label: 'KD',
    learnsFrom: 'outputs',
    factors: { layers: 32, skip: true, training: 'kd' },
    baseline: '32 skip selected-kl',
  });
  const wide = { learnsFrom: 'labels', reference: true, baseline: 'own inputs' };
  expect(factsOf('bert-ablations', 'laptop', 'wide')).toEqual({ label: 'wide net', ...wide });
  expect(factsOf('bert-ablations', 'laptop', wideArmOf(473_024), 473_024)).toEqual({
    label: 'wide net, 473,024 parameters',
    ...wide,
  });
  const other = { label: wideArmOf(473_024), baseline: 'own inputs' };
  expect(factsOf('bert-ablations', 'laptop', wideArmOf(473_024), 473_025)).toEqual(other);
  expect(factsOf('never declared', 'laptop', 'direct')).toEqual({ label: 'direct' });
  for (const name of ['__proto__', 'constructor', 'toString']) {
    expect(factsOf(name, 'laptop', 'direct')).toEqual({ label: 'direct' });
    expect(factsOf('depth-skip', 'minutes', name)).toMatchObject({ label: name });
  }
});

test('arms of the theory say whether their nets have a skip connection', () => {
  const skips = theoryExperiments().map(({ name, arms }) => [
    name,
    Object.keys(arms('minutes')).map((arm) => factsOf(name, 'minutes', arm).factors?.skip),
  ]);
  expect(Object.fromEntries(skips)).toMatchObject({
    depth: [true, false],
    limit: [true, false, undefined],
    bounds: [true, false, undefined],
    saddle: [undefined, undefined],
  });
});

describe('the committed tables', () => {
  const names = readdirSync(KEPT)
    .filter((name) => name.endsWith('.csv'))
    .map((name) => name.slice(0, -'.csv'.length));
  test('there are some', () => expect(names.length).toBeGreaterThan(0));
  test('wide nets of several shapes are told by their parameters', () => {
    const rows = KEPT_RECORDS.results.filter(({ experiment }) => experiment === 'bert-ablations');
    const wide = rows.filter(({ facts }) => facts.reference === true);
    expect([...new Set(wide.map(({ facts }) => facts.label))].sort()).toEqual([
      'wide net, 1,082,752 parameters',
      'wide net, 473,024 parameters',
      'wide net, 686,208 parameters',
    ]);
  });
  test('tables and specs are made again from them without a difference', () => {
    const again = mkdtempSync(join(tmpdir(), 'gowide-results-'));
    const made = writeResults([KEPT], again).files.map((file) => basename(file));
    expect(made.sort()).toEqual(readdirSync(KEPT).sort());
    for (const name of made)
      expect(readFileSync(join(again, name), 'utf8'), name).toBe(readFileSync(join(KEPT, name), 'utf8'));
  });
  test('a kept spec and the rows of its tables are the figure of the report', () => {
    const figures = Object.values(KEPT_REPORT.figures).flat();
    expect(figures.length).toBe(readdirSync(KEPT).filter((name) => name.endsWith('.vl.json')).length);
    for (const figure of figures) {
      const text = readFileSync(join(KEPT, `${figure.id}.${figure.scale}.vl.json`), 'utf8');
      const kept = JSON.parse(text) as KeptSpec;
      expect(text.length, figure.id).toBeLessThan(15_000);
      for (const table of kept.usermeta.tables) expect(readdirSync(KEPT)).toContain(table);
      expect(withRows(kept, figure.data)).toEqual(JSON.parse(JSON.stringify(figure.spec)));
      expect(withoutRows(figure, kept.usermeta.tables)).toEqual(kept);
      expect(() => withRows(kept, figure.data.slice(1))).toThrow(`figure "${figure.id}": expected the`);
    }
  });
  test.each(names)('%s has as many seeds for each arm as are asked for', (name) => {
    const rows = fromCsv(readFileSync(join(KEPT, `${name}.csv`), 'utf8'));
    for (const arm of new Set(rows.map((row) => row.arm)))
      expect(rows.filter((row) => row.arm === arm).length).toBeGreaterThanOrEqual(
        /^bert-ablations|[.]overnight$/.test(name) ? 3 : 5,
      );
  });
});

/** Of nets and wide nets of before; docs/protocol.md says so. */
const OLDER = 'bert-ablations';

test('the kept tables have the steps and operations that are counted of what is declared', () => {
  const [told, undeclared] = [new Set<string>(), new Set<string>()];
  for (const { experiment, scale, arm, values } of KEPT_RECORDS.results) {
    if (!('gigaflops' in values) || experiment === OLDER) continue;
    const spec = EXPERIMENTS[experiment]!.arms(scale as Scale)[arm]?.spec;
    if (spec === undefined) {
      undeclared.add(`${experiment} ${arm}`);
      continue;
    }
    const { steps, flops, teacherFlops } = costOf(parseTrainSpec(spec));
    const kept = [values.steps, values.gigaflops, values.teacherGigaflops].map(Number);
    const counted = [steps, flops / 1e9, teacherFlops / 1e9];
    if (counted.some((now, i) => Math.abs(kept[i]! - now) > 1e-9 * now))
      told.add(`${experiment} ${arm}: ${counted.join(', ')}`);
  }
  expect([...told]).toEqual([]);
  // wide nets that arms learn from, and are no arms themselves
  expect([...undeclared].filter((one) => !/ wide(, [\d,]+ parameters)?$/.test(one))).toEqual([]);
});

describe('what the documents say of the kept results', async () => {
  const { markdown, verdicts } = await writeReport([KEPT], {});
  const text = (path: string): string => readFileSync(resolve(import.meta.dirname, '../..', path), 'utf8');

  test('docs/verdicts.md is what gowide report reports/results --markdown prints', () => {
    expect(text('docs/verdicts.md')).toBe(markdown);
  });

  test('docs/report.md says the accuracies that the first screen shows', () => {
    const { data } = Object.values(KEPT_REPORT.figures)
      .flat()
      .find(({ id }) => id === 'hero-frontier')!;
    const shown = (series: string, budget: number): string =>
      Number(data.find((datum) => datum.series === series && datum.budget === budget)!.mean).toFixed(1);
    const [few, many] = [1, 32].map((budget) => [shown('three stages', budget), shown('direct', budget)]);
    expect(text('docs/report.md')).toContain(
      `(${few![0]} % in three stages, ${few![1]} directly after 100 steps on digits), not after many ` +
        `(${many![0]} and ${many![1]} after 3,200)`,
    );
  });

  test('README and docs/results.md count the verdicts as they are', () => {
    const count = (outcome: string): number => verdicts.filter((verdict) => verdict.outcome === outcome).length;
    const [yes, no, open, none] = OUTCOMES.map(count);
    const notRun = none === 0 ? '' : `, ${none} not run`;
    expect(text('README.md')).toContain(
      `Of ${verdicts.length} claims, most at laptop scale, ${yes} are supported, **${no} are not**, ${open} are inconclusive${notRun} ([all]`,
    );
    expect(text('docs/results.md')).toContain(
      `all ${verdicts.length} verdicts: ${yes} supported, ${no} not supported, ${open} inconclusive${notRun}.`,
    );
  });
});
