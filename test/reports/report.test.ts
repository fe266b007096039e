import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { pairedDifferences } from '../../reports/claims/paired.js';
import type { ClaimInput } from '../../reports/claims/claim.js';
import { CLAIMS, decideClaims, decideScales } from '../../reports/claims/index.js';
import { seedPoints, summarize, type Datum, type Draw, type FigureInput } from '../../reports/figures/figure.js';
import { FIGURES } from '../../reports/figures/index.js';
import { renderSvg } from '../../reports/page/render.js';
import { buildReport, writeReport } from '../../reports/page/report.js';
import { readRecords, type Records } from '../../reports/data/records.js';
import type { TableRow } from '../../reports/data/rows.js';
import { formatNumber, within, type Verdict } from '../../reports/claims/verdict.js';
import type { Cell } from '../../src/core/run.js';
import { environment } from '../../src/store/environment.js';
import { executeRun } from '../../src/store/execute.js';
import { folderOf } from '../../src/store/runs.js';
import { THEORY_KIND, THEORY_RUNNER } from '../../theory/studies/index.js';
import { KEPT, KEPT_REPORT } from './kept.js';
import { AS_CLAIMED, MARKS, records, REVERSED } from './rows.js';

describe('verdicts', () => {
  const claimed = decideClaims(records(AS_CLAIMED));
  const reversed = decideClaims(records(REVERSED));
  const none = decideClaims({ rows: [], results: [] });

  test.each(Object.values(CLAIMS).map((_, i) => [claimed[i]!.id, i] as const))(
    '%s: supported by data that follow it, not by data turned round, and not run without data',
    (_, i) => {
      expect([claimed[i]!.outcome, reversed[i]!.outcome, none[i]!.outcome]).toEqual([
        'supported',
        'not supported',
        'not run',
      ]);
      expect(claimed[i]!.runs.length).toBeGreaterThan(0);
      expect(claimed[i]!.evidence).toMatch(/\[.*\],? ?\)?, 5 seeds|violations in \d+ measurements|mergings, 5 seeds/);
      expect(claimed[i]!.seeds).toBe(5);
    },
  );

  test('ids are unique, and every claim names its rule and source', () => {
    expect(new Set(claimed.map(({ id }) => id)).size).toBe(Object.keys(CLAIMS).length);
    for (const { rule, source, statement } of claimed)
      for (const text of [rule, source, statement]) expect(text.length).toBeGreaterThan(10);
  });

  test('two seeds decide nothing', () => {
    const { rows, results } = records(AS_CLAIMED);
    const few = decideClaims({
      rows: rows.filter(({ seed }) => seed < 3),
      results: results.filter(({ seed }) => seed < 3),
    });
    // a bound that is violated once is refuted, and one that never is needs no interval
    const statistical = few.filter(({ id }) => id !== 'bounds-dominate');
    expect(statistical.filter(({ outcome }) => outcome !== 'inconclusive').map(({ id }) => id)).toEqual([]);
  });

  test('a discrepancy that falls and then stays level bends upwards, but does not grow', () => {
    const level = records({ ...AS_CLAIMED, direct: (depth) => 0.1 + 0.1 * Math.exp(-depth) });
    expect(decideClaims(level).find(({ id }) => id === 'depth-direct-skip')!.outcome).toMatch(
      /not supported|inconclusive/,
    );
  });

  test('a discrepancy that dips and then rises slowly does not grow faster than exponentially', () => {
    const measured = new Map([
      [1, 0.103],
      [2, 0.098],
      [4, 0.086],
      [6, 0.091],
      [8, 0.0955],
    ]);
    const dip = records({ ...AS_CLAIMED, direct: (depth) => measured.get(depth)! });
    expect(decideClaims(dip).find(({ id }) => id === 'depth-direct-skip')!.outcome).not.toBe('supported');
  });

  test('where the loss rises in training, a depth or width does not count, and is named', () => {
    const { rows, results } = records(AS_CLAIMED);
    const coarse = rows.map((entry) => {
      const last =
        (entry.experiment === 'width' && entry.values.m === 16) ||
        (entry.experiment === 'depth' && entry.values.depth === 8);
      return last ? { ...entry, values: { ...entry.values, lossIncreases: 9, discrepancy: 100, direct: 1e-9 } } : entry;
    });
    const verdicts = decideClaims({ rows: coarse, results });
    expect(verdicts.find(({ id }) => id === 'width-direct-skip')).toMatchObject({
      outcome: 'supported',
      evidence: expect.stringMatching(/left out, as the loss rose there: 16; p /) as string,
    });
    expect(verdicts.find(({ id }) => id === 'depth-direct-skip')).toMatchObject({
      outcome: 'supported',
      evidence: expect.stringMatching(/rose there: 8; p /) as string,
    });
  });

  test('a discrepancy above its telescoped sum is never supported', () => {
    const { rows, results } = records(AS_CLAIMED);
    const broken = rows.map((entry) =>
      entry.experiment === 'depth' && entry.seed === 3
        ? { ...entry, values: { ...entry.values, violations: 1 } }
        : entry,
    );
    expect(decideClaims({ rows: broken, results }).find(({ id }) => id === 'depth-imitation-skip')!.outcome).toBe(
      'not supported',
    );
  });

  test('within', () => {
    expect(within({ mean: 0, low: -0.1, high: 0.1, n: 5 }, -1, 1)).toBe('supported');
    expect(within({ mean: 2, low: 1.5, high: 2.5, n: 5 }, -1, 1)).toBe('not supported');
    expect(within({ mean: 1, low: 0.5, high: 1.5, n: 5 }, -1, 1)).toBe('inconclusive');
    expect(within({ mean: 0, low: -0.1, high: 0.1, n: 2 }, -1, 1)).toBe('inconclusive');
    expect(formatNumber(-0.5)).toBe('−0.500');
    expect(formatNumber(Infinity)).toBe('∞');
  });

  test('pairs are formed by seed, and a seed without partner is left out', () => {
    const { results } = records(AS_CLAIMED);
    const missing = results.filter(
      ({ experiment, arm, seed }) => experiment === 'resnet-digits' && !(arm === 'direct' && seed === 2),
    );
    expect(pairedDifferences(missing, 'three-stage', 'direct', 'testAccuracy')).toHaveLength(4);
  });
});

describe('figures', () => {
  const input = records(AS_CLAIMED);
  const draws = Object.values(FIGURES).map(({ draw }) => draw);
  // of the two figures at the top that are about practice there is one
  const drawn = draws.flatMap((draw) => draw(input) ?? []);

  test('all are drawn', () => {
    expect(drawn.map(({ id }) => id)).toEqual(Object.keys(MARKS));
  });

  test('the theory beside the gain by depth is the geometric mean over the seeds, of particles and of the limit', () => {
    const ratioOf = (data: readonly Datum[]): number =>
      Number(data.find(({ series, x }) => series === 'infinite width, without skips' && x === 4)!.mean);
    const farther = input.rows.map((row) =>
      row.experiment === 'limit' && row.seed === 1 && row.values.training === 'direct'
        ? { ...row, values: { ...row.values, limit: 32 * Number(row.values.limit) } }
        : row,
    );
    const [before, after] = [input.rows, farther].map((rows) => FIGURES['depth-gain']!.draw({ ...input, rows })!.data);
    expect(ratioOf(after!) / ratioOf(before!)).toBeCloseTo(32 ** (1 / 5), 6);
  });

  test.each(drawn.map((figure) => [figure.id, figure] as const))(
    '%s shows as many marks as its table has rows, and renders without a warning',
    async (id, { spec, data, runs, alt }) => {
      const [points, means] = MARKS[id]!;
      const svg = await renderSvg(spec);
      const symbols = svg.match(/class="mark-symbol role-mark[^"]*"[^>]*>.*?<\/g>/gs)?.join('') ?? '';
      expect(symbols.match(/<path/g)?.length ?? 0).toBe(points);
      expect(svg).not.toContain('NaN');
      expect(data.filter((datum) => datum.mean !== undefined)).toHaveLength(means);
      expect(data).toEqual((spec as { data: { values: unknown } }).data.values);
      expect(runs.length).toBeGreaterThan(0);
      expect(alt.length).toBeGreaterThan(30);
    },
  );

  test('without rows there is no figure', () => {
    const none: FigureInput = { scale: 'minutes', rows: [], results: [], curves: [] };
    expect(draws.map((draw: Draw) => draw(none))).toEqual(draws.map(() => undefined));
  });

  test('seeds are drawn one by one where they are few enough to be told apart', () => {
    const many = (count: number): { seed: number }[] => Array.from({ length: count }, (_, seed) => ({ seed }));
    expect([seedPoints(many(9)).length, seedPoints(many(10)).length]).toEqual([9, 0]);
    const crowd = Array.from({ length: 151 }, (_, i) => ({ seed: i % 3 }));
    expect([seedPoints(crowd.slice(1)).length, seedPoints(crowd).length]).toEqual([150, 0]);
  });

  test('summarize: geometric mean and interval of the logarithm', () => {
    const [summary] = summarize([1, 10, 100].map((y) => ({ x: 1, y, series: 's' })));
    expect(summary).toMatchObject({ series: 's', x: 1, seeds: 3 });
    expect(summary!.mean).toBeCloseTo(10, 10);
    expect(Number(summary!.low) * Number(summary!.high)).toBeCloseTo(100, 8);
  });
});

describe('the page', () => {
  const out = mkdtempSync(join(tmpdir(), 'gowide-report-'));
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
  const cells = [1, 2, 3].map((seed): Cell => ({
    experiment: 'saddle',
    arm: 'B1',
    scale: 'minutes',
    kind: THEORY_KIND,
    spec,
    seed,
  }));
  const run = async (cell: Cell): Promise<unknown> =>
    executeRun(cell, {
      out,
      environment: environment(null, 'gowide <test>'),
      executors: { [THEORY_KIND]: THEORY_RUNNER.execute },
      signal: new AbortController().signal,
      progress: () => {},
    });
  const file = join(out, 'report.html');
  beforeAll(async () => {
    for (const cell of cells) await run(cell);
  });

  test('holds verdicts, figure, data and environment, asks nothing of the network, and is the same when drawn again', async () => {
    const { verdicts, runs, problems, cautions, markdown } = await writeReport([out], { file });
    expect([runs, problems, cautions]).toEqual([3, [], []]);
    expect(verdicts.filter(({ outcome }) => outcome !== 'not run').map(({ id, scale }) => [id, scale])).toEqual([
      ['saddle-direct', 'minutes'],
      ['saddle-imitation', 'minutes'],
    ]);
    expect(markdown).toMatch(/\| saddle-direct \| .* \| inconclusive \| minutes \| 3 \| /);
    const page = readFileSync(file, 'utf8');
    expect(page).toMatch(
      /default-src 'none'; .*script-src 'sha256-[\w+/=]+' 'sha256-[\w+/=]+' 'wasm-unsafe-eval'; worker-src blob:; base-uri 'none'/,
    );
    expect(page.replace(/<script[\s\S]*?<\/script>/g, '')).not.toMatch(
      /(?:src|href)="(?!data:|#|https:\/\/(?:arxiv\.org|github\.com)\/)[^"]*"|url\(/,
    );
    expect(page).toContain('<svg role="img"');
    expect(page).toContain('gowide &lt;test&gt;');
    expect(page).toContain('Not run yet.');
    await writeReport([out], { file });
    expect(readFileSync(file, 'utf8')).toBe(page);
  });

  test('each claim and figure is shown at the largest scale that was run, with the verdicts of the others', () => {
    const [small, large] = [records(AS_CLAIMED), records(REVERSED)];
    const at = <T extends { readonly scale: string }>(list: readonly T[], scale: string): T[] =>
      list.map((entry) => ({ ...entry, scale }));
    const both: Records = {
      runs: [],
      rows: [...small.rows, ...at(large.rows, 'gpu')],
      results: [...small.results, ...at(large.results, 'gpu')],
      curves: [...small.curves, ...at(large.curves, 'gpu')],
      kept: [],
      origins: new Map(),
      problems: [],
      cautions: [],
    };
    const { verdicts, figures } = buildReport(both);
    for (const verdict of Object.values(verdicts).flat())
      expect(verdict).toMatchObject({
        scale: 'gpu',
        outcome: 'not supported',
        others: [{ scale: 'laptop', outcome: 'supported' }],
      });
    expect([
      ...new Set(
        Object.values(figures)
          .flat()
          .map(({ scale }) => scale),
      ),
    ]).toEqual(['gpu']);
    expect(
      buildReport(both, 'laptop').verdicts.theory!.every(
        ({ scale, others }) => scale === 'laptop' && others.length === 0,
      ),
    ).toBe(true);
  });

  test('claims of several scales are corrected together where a page shows them together', () => {
    const { rows, results } = records(AS_CLAIMED);
    const isLarge = ({ experiment }: TableRow): boolean => experiment === 'sst2';
    const part = (which: (row: TableRow) => boolean): ClaimInput => ({
      rows: rows.filter(which),
      results: results.filter(which),
    });
    const [gpu, laptop] = [part(isLarge), part((one) => !isLarge(one))];
    const inputs = [
      { ...gpu, scale: 'gpu' },
      { ...laptop, scale: 'laptop' },
    ];
    const of = (verdicts: readonly Verdict[], id: string): number | undefined =>
      verdicts.find((verdict) => verdict.id === id)!.significance?.family;
    const [together, alone] = [decideScales(inputs), decideClaims(inputs[0]!)];
    expect(together.find(({ id }) => id === 'sst2-kd')).toMatchObject({ scale: 'gpu', outcome: 'supported' });
    expect(of(together, 'sst2-kd')).toBe(of(together, 'resnet-kd'));
    expect(of(alone, 'sst2-kd')).toBe(3);
    expect(of(together, 'sst2-kd')).toBe(3 + of(decideClaims(inputs[1]!), 'resnet-kd')!);
  });

  test('claims of experiments that scale paper alone declares stand on a page once they were run', () => {
    const at = (which: (row: TableRow) => boolean): string[] => {
      const { rows, results } = records(AS_CLAIMED);
      const given = { rows: rows.filter(which), results: results.filter(which) };
      const report = buildReport({ ...readRecords([KEPT]), ...given });
      return report.verdicts.bert!.map(({ id }) => id).filter((id) => id.startsWith('squad-'));
    };
    expect(at(({ experiment }) => experiment !== 'bert-squad')).toEqual([]);
    expect(at(() => true)).toEqual(['squad-three-stage', 'squad-deeper']);
  });

  test('kept tables are reported as runs are, without their logs', async () => {
    const { verdicts, runs, problems } = await writeReport([KEPT], {});
    expect([runs, problems]).toEqual([new Set(verdicts.flatMap((one) => one.runs)).size, []]);
    expect(verdicts.find(({ id }) => id === 'resnet-three-stage')).toMatchObject({ scale: 'laptop', seeds: 10 });
    expect(verdicts.find(({ id }) => id === 'width-direct-skip')).toMatchObject({ scale: 'laptop', seeds: 32 });
    const figures = KEPT_REPORT.figures.resnet!.map(({ id }) => id);
    expect(figures).toContain('accuracy');
    expect(figures).not.toContain('curves'); // made of every step's loss, which no table keeps
  });

  test('says with one seed only, and with runs of two commits, that they are to be read with care', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gowide-report-'));
    const at = async (commit: string, seed: number): Promise<unknown> =>
      executeRun(
        { ...cells[0]!, seed },
        {
          out: folder,
          environment: { ...environment(null, 'test'), commit, dirty: false },
          executors: { [THEORY_KIND]: THEORY_RUNNER.execute },
          signal: new AbortController().signal,
          progress: () => {},
        },
      );
    await at('a'.repeat(40), 1);
    expect(readRecords([folder]).cautions).toEqual(['saddle, scale minutes: one seed only, which decides nothing']);
    await at('b'.repeat(40), 2);
    expect(readRecords([folder]).cautions).toEqual([
      `saddle, scale minutes: its runs are of 2 commits: ${'a'.repeat(12)} (1 run), ${'b'.repeat(12)} (1 run)`,
    ]);
    await writeReport([folder], { file });
    expect(readFileSync(file, 'utf8')).toContain('its runs are of 2 commits');
  });

  test('does not mix two declarations of the same name: the newest spec counts, the others are named', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gowide-report-'));
    const at = async (started: string, draws: number, seed: number): Promise<unknown> =>
      executeRun(
        { ...cells[0]!, seed, spec: { ...spec, draws } },
        {
          out: folder,
          environment: { ...environment(null, 'test'), started },
          executors: { [THEORY_KIND]: THEORY_RUNNER.execute },
          signal: new AbortController().signal,
          progress: () => {},
        },
      );
    await at('2026-01-01T00:00:00Z', 5, 1);
    await at('2026-01-02T00:00:00Z', 6, 1);
    await at('2026-01-02T00:00:01Z', 6, 2);
    const { runs, problems } = readRecords([folder]);
    expect(runs.map((run) => [run.cell.spec.draws, run.cell.seed]).sort()).toEqual([
      [6, 1],
      [6, 2],
    ]);
    expect(problems).toEqual([
      expect.stringMatching(
        /saddle B1, scale minutes: 1 run with another spec than the newest is left out: [0-9a-f]{12}/,
      ),
    ]);
    expect(readRecords([folder, folder]).runs).toHaveLength(2);
  });

  test('tells wide nets of several shapes apart, which all bear one name', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gowide-report-'));
    const wide = async (experiment: string, parameters: number, seed: number): Promise<unknown> =>
      executeRun(
        { experiment, arm: 'wide', scale: 'laptop', kind: 'made up', spec: { parameters }, seed },
        {
          out: folder,
          environment: environment(null, 'test'),
          executors: { 'made up': async () => Promise.resolve({ result: { parameters } }) },
          signal: new AbortController().signal,
          progress: () => {},
        },
      );
    for (const seed of [1, 2]) for (const parameters of [4000, 5000]) await wide('ablations', parameters, seed);
    await wide('main', 6000, 1);
    const { results, problems } = readRecords([folder]);
    expect(results.map(({ experiment, arm, seed }) => `${experiment}: ${arm}; ${seed}`).sort()).toEqual([
      'ablations: wide, 4,000 parameters; 1',
      'ablations: wide, 4,000 parameters; 2',
      'ablations: wide, 5,000 parameters; 1',
      'ablations: wide, 5,000 parameters; 2',
      'main: wide; 1',
    ]);
    expect(problems).toEqual([]);
  });

  test('names what it leaves out: a run that was changed, and one that is not finished', async () => {
    const metrics = join(folderOf(out, cells[0]!), 'metrics.jsonl');
    const text = readFileSync(metrics, 'utf8');
    writeFileSync(metrics, text.replace('"depth":2', '"depth":3'));
    const { problems, runs } = readRecords([out]);
    expect(runs).toHaveLength(2);
    expect(problems).toEqual([expect.stringContaining('not what the run wrote')]);
    await writeReport([out], { file });
    expect(readFileSync(file, 'utf8')).toContain('not what the run wrote');
    writeFileSync(metrics, text);
  });
});
