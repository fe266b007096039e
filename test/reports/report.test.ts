import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { CLAIMS, decideClaims, pairedDifferences } from '../../reports/claims/index.js';
import { summarize } from '../../reports/figures/figure.js';
import { accuracyFigure, differenceFigure, tapFigure } from '../../reports/figures/resnet.js';
import { depthFigure, saddleFigure, widthFigure } from '../../reports/figures/theory.js';
import { renderSvg } from '../../reports/render.js';
import { writeReport } from '../../reports/report.js';
import { readRecords, type TableRow } from '../../reports/tables.js';
import { formatNumber, within } from '../../reports/verdict.js';
import type { Cell, Row } from '../../src/core/run.js';
import { environment } from '../../src/store/environment.js';
import { executeRun } from '../../src/store/execute.js';
import { folderOf } from '../../src/store/runs.js';
import { theoryExecutor, THEORY_KIND } from '../../theory/studies/index.js';

const row = (experiment: string, arm: string, seed: number, values: Row): TableRow => ({ run: `${experiment}-${arm}-${seed}`, experiment, arm, scale: 'minutes', seed, values });
const SEEDS = [1, 2, 3, 4, 5];
const REGIMES = ['skip', 'no skip'];
/** A small wobble that differs from seed to seed and from point to point. */
const wobble = (seed: number, x: number): number => 1 + 0.01 * Math.sin(7 * seed + 3 * x);

interface Laws {
  readonly width: (m: number) => number;
  readonly telescoped: (depth: number) => number;
  readonly direct: (depth: number) => number;
  readonly saddle: (depth: number) => number;
  readonly threeStage: number;
  readonly control: number;
}

const AS_CLAIMED: Laws = {
  width: (m) => m ** -0.5,
  telescoped: (depth) => 0.1 * depth,
  direct: (depth) => 0.01 * Math.exp(0.05 * depth ** 2),
  saddle: (depth) => Math.sqrt(depth) * Math.exp(0.8 * depth),
  threeStage: 85,
  control: 80,
};
/** The same with each law turned round. */
const REVERSED: Laws = {
  width: (m) => m ** -0.2,
  telescoped: (depth) => 0.1 * depth ** 2,
  direct: (depth) => 0.01 * depth ** 0.5,
  saddle: (depth) => Math.sqrt(depth) * Math.exp(0.4 * depth),
  threeStage: 70,
  control: 78,
};

function records(laws: Laws): { rows: TableRow[]; results: TableRow[] } {
  const rows = SEEDS.flatMap((seed) => [
    ...REGIMES.flatMap((arm) => [
      ...[16, 32, 64, 128].flatMap((m) =>
        ['direct', 'sampled', 'imitation', 'layer'].map((training) =>
          row('width', arm, seed, { regime: arm, training, m, discrepancy: laws.width(m) * wobble(seed, m), relative: 1, lossIncreases: 0 }),
        ),
      ),
      ...[1, 2, 4, 6, 8].map((depth) =>
        row('depth', arm, seed, {
          depth,
          direct: laws.direct(depth) * wobble(seed, depth),
          imitation: 0.05 * wobble(seed, depth),
          telescoped: laws.telescoped(depth) * wobble(seed, depth),
          violations: 0,
        }),
      ),
    ]),
    ...[2, 4, 8].map((depth) =>
      row('saddle', 'B1', seed, {
        depth,
        direct: laws.saddle(depth) * wobble(seed, depth),
        directTheory: Math.sqrt(depth) * Math.exp(0.8 * depth),
        telescoped: (laws === AS_CLAIMED ? depth : depth ** 2) * wobble(seed, depth),
        telescopedTheory: depth,
      }),
    ),
    ...['imitation', 'end'].flatMap((when) =>
      ['stem', 'stage1', 'logits'].map((tap) => row('resnet-digits', 'three-stage', seed, { event: 'discrepancy', when, tap, discrepancy: 0.5 * wobble(seed, 1) })),
    ),
  ]);
  const accuracy = { wide: 95, direct: 75, 'three-stage': laws.threeStage, 'no-imitation': laws.control };
  const results = SEEDS.flatMap((seed) =>
    Object.entries(accuracy).map(([arm, value]) =>
      row('resnet-digits', arm, seed, { testAccuracy: value * wobble(seed, value), parameters: 10, steps: 5, gigaflops: 1, teacherGigaflops: arm === 'wide' ? 0 : 2 }),
    ),
  );
  return { rows, results };
}

describe('verdicts', () => {
  const claimed = decideClaims(records(AS_CLAIMED));
  const reversed = decideClaims(records(REVERSED));
  const none = decideClaims({ rows: [], results: [] });

  test.each(CLAIMS.map((_, i) => [claimed[i]!.id, i] as const))('%s: supported by data that follow it, not by data turned round, and not run without data', (_, i) => {
    expect([claimed[i]!.outcome, reversed[i]!.outcome, none[i]!.outcome]).toEqual(['supported', 'not supported', 'not run']);
    expect(claimed[i]!.runs.length).toBeGreaterThan(0);
    expect(claimed[i]!.evidence).toMatch(/\[.*\], 5 seeds/);
  });

  test('ids are unique, and every claim names its rule and source', () => {
    expect(new Set(claimed.map(({ id }) => id)).size).toBe(CLAIMS.length);
    for (const { rule, source, statement } of claimed) for (const text of [rule, source, statement]) expect(text.length).toBeGreaterThan(10);
  });

  test('two seeds decide nothing', () => {
    const { rows, results } = records(AS_CLAIMED);
    const few = decideClaims({ rows: rows.filter(({ seed }) => seed < 3), results: results.filter(({ seed }) => seed < 3) });
    expect(new Set(few.map(({ outcome }) => outcome))).toEqual(new Set(['inconclusive']));
  });

  test('a discrepancy that falls and then stays level bends upwards, but does not grow', () => {
    const level = records({ ...AS_CLAIMED, direct: (depth) => 0.1 + 0.1 * Math.exp(-depth) });
    expect(decideClaims(level).find(({ id }) => id === 'depth-direct-skip')!.outcome).toMatch(/not supported|inconclusive/);
  });

  test('a discrepancy above its telescoped sum is never supported', () => {
    const { rows, results } = records(AS_CLAIMED);
    const broken = rows.map((entry) => (entry.experiment === 'depth' && entry.seed === 3 ? { ...entry, values: { ...entry.values, violations: 1 } } : entry));
    expect(decideClaims({ rows: broken, results }).find(({ id }) => id === 'depth-imitation-skip')!.outcome).toBe('not supported');
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
    const missing = results.filter(({ arm, seed }) => !(arm === 'direct' && seed === 2));
    expect(pairedDifferences(missing, 'three-stage', 'direct', 'testAccuracy')).toHaveLength(4);
  });
});

describe('figures', () => {
  const { rows, results } = records(AS_CLAIMED);
  test.each([
    ['width', () => widthFigure(rows, 'minutes'), 2 * 4 * 4 * SEEDS.length],
    ['depth', () => depthFigure(rows, 'minutes'), 2 * 3 * 5 * SEEDS.length],
    ['saddle', () => saddleFigure(rows, 'minutes'), 2 * 3 * SEEDS.length],
    ['accuracy', () => accuracyFigure(results, 'minutes'), 4 * SEEDS.length],
    ['differences', () => differenceFigure(results, 'minutes'), 3 * SEEDS.length],
    ['taps', () => tapFigure(rows, 'minutes'), 2 * 2 * SEEDS.length],
  ])('%s shows a point for each seed, and renders without a warning', async (_, figure, points) => {
    const { spec, data, runs, alt } = figure()!;
    const svg = await renderSvg(spec);
    const symbols = svg.match(/class="mark-symbol role-mark[^"]*"[^>]*>.*?<\/g>/gs)!.join('');
    expect(symbols.match(/<path/g)!.length).toBe(points);
    expect(svg).not.toContain('NaN');
    expect(data.length).toBeGreaterThan(0);
    expect(runs.length).toBeGreaterThan(0);
    expect(alt.length).toBeGreaterThan(30);
  });

  test('without rows there is no figure', () => {
    expect([
      widthFigure([], 'minutes'),
      depthFigure([], 'minutes'),
      saddleFigure([], 'minutes'),
      accuracyFigure([], 'minutes'),
      differenceFigure([], 'minutes'),
      tapFigure([], 'minutes'),
    ]).toEqual(Array.from({ length: 6 }, () => undefined));
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
  const spec = { study: 'saddle', g: 1, kappa: 4, time: 0.4, steps: 50, depths: [2, 4, 6], m: 1e12, draws: 5 };
  const cells = [1, 2, 3].map((seed): Cell => ({ experiment: 'saddle', arm: 'B1', scale: 'minutes', kind: THEORY_KIND, spec, seed }));
  const run = async (cell: Cell): Promise<unknown> =>
    executeRun(cell, {
      out,
      environment: environment(null, 'gowide <test>'),
      executors: { [THEORY_KIND]: theoryExecutor },
      signal: new AbortController().signal,
      progress: () => {},
    });
  const file = join(out, 'report.html');
  beforeAll(async () => {
    for (const cell of cells) await run(cell);
  });

  test('holds verdicts, figure, data and environment, asks nothing of the network, and is the same when drawn again', async () => {
    const { verdicts, runs, problems } = await writeReport([out], file);
    expect([runs, problems]).toEqual([3, []]);
    expect(verdicts.filter(({ outcome }) => outcome !== 'not run').map(({ id }) => id)).toEqual(['saddle-direct', 'saddle-imitation']);
    const page = readFileSync(file, 'utf8');
    expect(page).toContain("default-src 'none'");
    expect(page).not.toMatch(/<script|(?:src|href)="(?!data:|#)[^"]*"|url\(/);
    expect(page).toContain('<svg role="img"');
    expect(page).toContain('gowide &lt;test&gt;');
    expect(page).toContain('Not run at this scale.');
    await writeReport([out], file);
    expect(readFileSync(file, 'utf8')).toBe(page);
  });

  test('does not mix two declarations of the same name: the newest spec counts, the others are named', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gowide-report-'));
    const at = async (started: string, draws: number, seed: number): Promise<unknown> =>
      executeRun(
        { ...cells[0]!, seed, spec: { ...spec, draws } },
        {
          out: folder,
          environment: { ...environment(null, 'test'), started },
          executors: { [THEORY_KIND]: theoryExecutor },
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
    expect(problems).toEqual([expect.stringMatching(/saddle B1, scale minutes: 1 runs with another spec than the newest are left out: [0-9a-f]{12}/)]);
    expect(readRecords([folder, folder]).runs).toHaveLength(2);
  });

  test('names what it leaves out: a run that was changed, and one that is not finished', async () => {
    const metrics = join(folderOf(out, cells[0]!), 'metrics.jsonl');
    const text = readFileSync(metrics, 'utf8');
    writeFileSync(metrics, text.replace('"depth":2', '"depth":3'));
    const { problems, runs } = readRecords([out]);
    expect(runs).toHaveLength(2);
    expect(problems).toEqual([expect.stringContaining('not what the run wrote')]);
    await writeReport([out], file);
    expect(readFileSync(file, 'utf8')).toContain('not what the run wrote');
    writeFileSync(metrics, text);
  });
});
