import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { CLAIMS, decideClaims, pairedDifferences } from '../../reports/claims/index.js';
import { summarize, type Figure } from '../../reports/figures/figure.js';
import { bertFigures } from '../../reports/figures/bert.js';
import { accuracyFigure, armsFigure, depthSkipFigure, differenceFigure, tapFigure } from '../../reports/figures/resnet.js';
import { lawFigure } from '../../reports/figures/law.js';
import { LAW_FIGURES, theoryFigures, widthFigure } from '../../reports/figures/theory.js';
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
  /** Whether the rest of the theory is as claimed. */
  readonly claimed: boolean;
}

const AS_CLAIMED: Laws = {
  width: (m) => m ** -0.5,
  telescoped: (depth) => 0.1 * depth,
  direct: (depth) => 0.01 * Math.exp(0.05 * depth ** 2),
  saddle: (depth) => Math.sqrt(depth) * Math.exp(0.8 * depth),
  threeStage: 85,
  control: 80,
  claimed: true,
};
/** The same with each law turned round. */
const REVERSED: Laws = {
  width: (m) => m ** -0.2,
  telescoped: (depth) => 0.1 * depth ** 2,
  direct: (depth) => 0.01 * depth ** 0.5,
  saddle: (depth) => Math.sqrt(depth) * Math.exp(0.4 * depth),
  threeStage: 70,
  control: 78,
  claimed: false,
};

/** Rows of the other studies, as claimed or turned round. */
function restOfTheory(seed: number, claimed: boolean): TableRow[] {
  const w = (x: number): number => wobble(seed, x);
  return [
    ...REGIMES.flatMap((arm) => [
      ...[0, 1, 2, 4].map((time) =>
        row('time', arm, seed, {
          time,
          direct: (claimed ? [1, 0.3, 0.4, 0.6][Math.min(3, time)]! : 1 / (1 + time)) * w(time),
          imitation: (claimed ? 1 / (1 + time) : 1 + time) * w(time),
        }),
      ),
      ...[16, 64].map((m) => row('stages', arm, seed, { m, direct: 1 * w(m), staged: (claimed ? 0.8 : 1.2) * w(m + 1), wide: 0.7 })),
    ]),
    ...['alpha', 'c', 'rho'].flatMap((parameter) =>
      [0.1, 0.5].map((value) => row('scale', parameter, seed, { parameter, value, direct: w(value), imitation: (claimed ? 0.5 : 2) * w(value + 1), sampled: 2, violations: 0 })),
    ),
    ...[...REGIMES, 'residual 1/L'].flatMap((arm) =>
      [1, 2, 4, 6].map((depth) =>
        row('bounds', arm, seed, {
          depth,
          direct: 0.1 * w(depth),
          imitation: 0.1 * w(depth),
          telescoped: 0.2,
          lipschitz: 0.3,
          wideTail: 0.3,
          cap: 3,
          gronwall: 5 * depth,
          closed: 100 * depth,
          rate: (claimed ? 10 / depth : 10 * Math.exp(depth)) * w(depth),
          violations: claimed || seed > 1 || depth > 1 ? 0 : 1,
        }),
      ),
    ),
    ...[4, 7, 9].map((depth) => {
      const closed = 1.3 ** (depth - 1) * Math.sqrt(depth) * Math.exp(0.1 * 1.3 ** depth);
      return row('saddle', 'B', seed, { depth, direct: closed * (claimed ? w(depth) : 5), directTheory: closed, directParticles: 1, telescoped: 1, telescopedTheory: 1 });
    }),
    ...[2, 4, 6].map((depth) => row('tanh-saddle', 'C', seed, { depth, growth: 0.1 * depth * (claimed ? w(depth) : 2 * w(depth)), linearised: 0.1 * depth })),
    ...['one', 'two'].flatMap((family) =>
      [1, 2, 4, 6, 8].map((depth) => row('generic', family, seed, { depth, growth: (claimed && family === 'one' ? depth ** 2 : -depth) * w(depth) })),
    ),
    ...[16, 32].map((D) => row('residual', 'tanh', seed, { row: 'net', D, M: 8, L: 50, hidden: w(D) / Math.sqrt(D), output: w(D) / D })),
    row('residual', 'tanh', seed, { row: 'fit', hiddenSampling: (claimed ? 0.8 : 3) * w(1), hiddenEmbedding: (claimed ? 2.5 : 9) * w(2), outputSampling: 0.1, outputEmbedding: 1 }),
  ];
}

function records(laws: Laws): { rows: TableRow[]; results: TableRow[] } {
  const rows = SEEDS.flatMap((seed) => [
    ...REGIMES.flatMap((arm) => [
      ...[16, 32, 64, 128].flatMap((m) =>
        ['direct', 'sampled', 'imitation', 'layer', 'initial', 'fresh'].map((training) =>
          row('width', arm, seed, { regime: arm, training, m, discrepancy: laws.width(m) * wobble(seed, m), relative: 1, lossIncreases: 0, violations: 0 }),
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
    ...restOfTheory(seed, laws.claimed),
    ...[2, 4, 8].map((depth) =>
      row('saddle', 'B1', seed, {
        depth,
        directParticles: 1,
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
  const gain = laws.threeStage - laws.control;
  const accuracy = {
    wide: 95, direct: 75, deeper: 74, long: 76, kd: 75, 'all-at-once': 76, 'three-stage': laws.threeStage,
    'no-imitation': laws.control, 'selected-kl': 75.5, 'selected-three-stage': 75.5 + gain,
  }; // prettier-ignore
  const depthSkip = SEEDS.flatMap((seed) =>
    [4, 8, 16].flatMap((layers) =>
      ['plain', 'skip'].flatMap((kind) => {
        const more = gain * (kind === 'plain' ? Math.log2(layers) : 0.1);
        const arms = { wide: 95, direct: 50, kd: 60, 'selected-kl': 70, imitation: 60 + more, 'closed-form': 70 + more };
        return Object.entries(arms).map(([arm, value]) => row('depth-skip', `${layers} ${kind} ${arm}`, seed, { testAccuracy: value + 0.01 * wobble(seed, layers) }));
      }),
    ),
  );
  const ablations = SEEDS.map((seed) => row('resnet-ablations', 'own inputs', seed, { testAccuracy: 80 }));
  const results = ['resnet-digits', 'resnet-hierarchy'].flatMap((experiment) =>
    SEEDS.flatMap((seed) =>
      Object.entries(accuracy).map(([arm, value]) =>
        row(experiment, arm, seed, { testAccuracy: value * wobble(seed, value), parameters: 10, steps: 5, gigaflops: 1, teacherGigaflops: arm === 'wide' ? 0 : 2 }),
      ),
    ),
  );
  const nats = { wide: 4.5, direct: 5.2, kd: 5.1, deeper: 5.3, long: 5.05, 'ends-kd': 5, 'projected-kd': 5, 'three-stage': 5 - gain / 10, 'projected-three-stage': 5 - gain / 10 };
  const bert = SEEDS.flatMap((seed) => [
    ...Object.entries(nats).map(([arm, value]) => row('bert-glosses', arm, seed, { testCrossEntropy: value + 0.001 * wobble(seed, value) })),
    ...['supersense', 'hypernym'].flatMap((task) =>
      [['direct', 60], ['three-stage', 60 + gain]].map(([arm, value]) => row(`bert-${task}`, String(arm), seed, { testAccuracy: Number(value) + 0.01 * wobble(seed, Number(value)) })),
    ),
  ]); // prettier-ignore
  return { rows, results: [...results, ...depthSkip, ...ablations, ...bert] };
}

describe('verdicts', () => {
  const claimed = decideClaims(records(AS_CLAIMED));
  const reversed = decideClaims(records(REVERSED));
  const none = decideClaims({ rows: [], results: [] });

  test.each(CLAIMS.map((_, i) => [claimed[i]!.id, i] as const))('%s: supported by data that follow it, not by data turned round, and not run without data', (_, i) => {
    expect([claimed[i]!.outcome, reversed[i]!.outcome, none[i]!.outcome]).toEqual(['supported', 'not supported', 'not run']);
    expect(claimed[i]!.runs.length).toBeGreaterThan(0);
    expect(claimed[i]!.evidence).toMatch(/\[.*\], 5 seeds|violations in \d+ rows/);
  });

  test('ids are unique, and every claim names its rule and source', () => {
    expect(new Set(claimed.map(({ id }) => id)).size).toBe(CLAIMS.length);
    for (const { rule, source, statement } of claimed) for (const text of [rule, source, statement]) expect(text.length).toBeGreaterThan(10);
  });

  test('two seeds decide nothing', () => {
    const { rows, results } = records(AS_CLAIMED);
    const few = decideClaims({ rows: rows.filter(({ seed }) => seed < 3), results: results.filter(({ seed }) => seed < 3) });
    // a bound that is violated once is refuted, and one that never is needs no interval
    const statistical = few.filter(({ id }) => id !== 'bounds-dominate');
    expect(statistical.filter(({ outcome }) => outcome !== 'inconclusive').map(({ id }) => id)).toEqual([]);
  });

  test('a discrepancy that falls and then stays level bends upwards, but does not grow', () => {
    const level = records({ ...AS_CLAIMED, direct: (depth) => 0.1 + 0.1 * Math.exp(-depth) });
    expect(decideClaims(level).find(({ id }) => id === 'depth-direct-skip')!.outcome).toMatch(/not supported|inconclusive/);
  });

  test('a discrepancy that dips and then rises slowly does not grow faster than exponentially', () => {
    const measured = new Map([[1, 0.103], [2, 0.098], [4, 0.086], [6, 0.091], [8, 0.0955]]); // prettier-ignore
    const dip = records({ ...AS_CLAIMED, direct: (depth) => measured.get(depth)! });
    expect(decideClaims(dip).find(({ id }) => id === 'depth-direct-skip')!.outcome).not.toBe('supported');
  });

  test('where the loss rises in training, a depth or width does not count, and is named', () => {
    const { rows, results } = records(AS_CLAIMED);
    const coarse = rows.map((entry) => {
      const last = (entry.experiment === 'width' && entry.values.m === 16) || (entry.experiment === 'depth' && entry.values.depth === 8);
      return last ? { ...entry, values: { ...entry.values, lossIncreases: 9, discrepancy: 100, direct: 1e-9 } } : entry;
    });
    const verdicts = decideClaims({ rows: coarse, results });
    expect(verdicts.find(({ id }) => id === 'width-direct-skip')).toMatchObject({
      outcome: 'supported',
      evidence: expect.stringMatching(/left out, as the loss rose there: 16$/) as string,
    });
    expect(verdicts.find(({ id }) => id === 'depth-direct-skip')).toMatchObject({ outcome: 'supported', evidence: expect.stringMatching(/rose there: 8$/) as string });
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
    const missing = results.filter(({ experiment, arm, seed }) => experiment === 'resnet-digits' && !(arm === 'direct' && seed === 2));
    expect(pairedDifferences(missing, 'three-stage', 'direct', 'testAccuracy')).toHaveLength(4);
  });
});

/** Points of each seed: panels x series x values of x. */
const POINTS: Record<string, number> = {
  depth: 2 * 3 * 5,
  time: 2 * 2 * 4,
  scale: 3 * 3 * 2,
  bounds: 3 * 6 * 4,
  gronwall: 3 * 4,
  saddle: 2 * 3 * 3,
  'tanh-saddle': 3,
  generic: 2 * 5,
  residual: 2 * 2,
  stages: 2 * 3 * 2,
};

describe('figures', () => {
  const { rows, results } = records(AS_CLAIMED);
  const drawn: [string, () => Figure | undefined, number][] = [
    ['width', () => widthFigure(rows, 'minutes'), 2 * 4 * 5 * SEEDS.length],
    ...LAW_FIGURES.map((law) => [law.id, () => lawFigure(law, rows, 'minutes'), POINTS[law.id]! * SEEDS.length] as [string, () => Figure | undefined, number]),
    ['accuracy', () => accuracyFigure(results, 'minutes'), 10 * SEEDS.length],
    ['differences', () => differenceFigure(results, 'minutes'), 8 * SEEDS.length],
    ['taps', () => tapFigure(rows, 'minutes'), 2 * 2 * SEEDS.length],
    ['depth-skip', () => depthSkipFigure(results, 'minutes'), 3 * 2 * 6], // means
    ['ablations', () => armsFigure(results, 'minutes', { experiment: 'resnet-ablations', network: 'resnet', title: 'Ablations', caption: 'One thing at a time.' }), SEEDS.length],
    ['cross-entropy of BERTs', () => bertFigures(results, 'minutes')[0], 9 * SEEDS.length],
    ['supersense', () => bertFigures(results, 'minutes')[1], 2 * SEEDS.length],
  ];
  test.each(drawn)('%s shows a point for each seed, and renders without a warning', async (_, figure, points) => {
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
      theoryFigures([], 'minutes')[0],
      lawFigure(LAW_FIGURES[0]!, [], 'minutes'),
      accuracyFigure([], 'minutes'),
      differenceFigure([], 'minutes'),
      tapFigure([], 'minutes'),
      depthSkipFigure([], 'minutes'),
      ...bertFigures([], 'minutes'),
    ]).toEqual(Array.from({ length: 11 }, () => undefined));
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
  const spec = { study: 'saddle', g: 1, kappa: 4, time: 0.4, steps: 50, depths: [2, 4, 6], m: 1e12, draws: 5, particles: 64 };
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
