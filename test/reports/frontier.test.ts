/** Frontiers: costs counted in three ways, where curves cross, how soon a mark is reached, and what that decides. */
import { describe, expect, test } from 'vitest';
import { armsById, lastBudgets, nearestBudget } from '../../experiments/frontier.js';
import { FRONTIERS, frontierFor } from '../../experiments/frontiers.js';
import { frontierClaims, leadAtCost } from '../../reports/claims/frontier.js';
import { decideAlone, type UncorrectedVerdict } from '../../reports/claims/claim.js';
import {
  accuracyAt,
  commonSeeds,
  crossing,
  COSTS,
  frontierPoints,
  frontierRows,
  timeTo,
  timesToMark,
  type FrontierPoint,
} from '../../reports/data/frontier.js';
import { named, type TableRow } from '../../reports/data/rows.js';
import type { Datum } from '../../reports/figures/figure.js';
import { drawFrontier } from '../../reports/figures/frontier.js';
import { KEPT_REPORT } from './kept.js';
import { meansTable, summarizeFrontier, summaryLines } from '../../reports/page/frontier-summary.js';

const frontier = FRONTIERS['resnet-hierarchy']!;
const experiment = frontier.experiment.name;
const [BEFORE, MOST] = lastBudgets(frontier);

function row(arm: string, seed: number, testAccuracy: number, gigaflops = 1, teacherGigaflops = 0): TableRow {
  return {
    ...named({ run: `${arm}-${seed}`, experiment, arm, scale: 'laptop', seed }),
    values: { testAccuracy, gigaflops, teacherGigaflops },
  };
}

/** Accuracies at the smallest and the largest budget, by way of training, of so many seeds. */
function rows(accuracies: Readonly<Record<string, readonly [number, number]>>, seeds = 4): TableRow[] {
  return Array.from({ length: seeds }, (_, seed) => [
    row('wide', seed, 100, 40),
    ...Object.entries(accuracies).flatMap(([training, values]) =>
      [1, MOST].map((budget, i) =>
        row(
          frontier.arm(training, budget),
          seed,
          Math.min(100, values[i]! + 0.1 * Math.sin(9 * seed + budget)),
          budget,
          training === 'direct' || training === 'deeper' ? 0 : 40 + 20 * budget,
        ),
      ),
    ),
  ]).flat();
}

const verdictOf = (results: readonly TableRow[], name: string): UncorrectedVerdict =>
  decideAlone(
    frontierClaims(frontier).find(({ id }) => id === `${experiment}-${name}`)!,
    { rows: [], results },
  );

test('a run that another experiment has made counts in a frontier that declares it and has begun that seed', () => {
  const shared = frontier.arm('direct', 4);
  const run = [...armsById(frontier, 'laptop', 1)].find(([, arm]) => arm === shared)![0];
  const other = { ...named({ run, experiment: 'resnet-hierarchy', arm: 'direct', scale: 'laptop', seed: 1 }) };
  const all = [row(frontier.arm('kd', 1), 1, 50), { ...other, values: { testAccuracy: 40, gigaflops: 4 } }];
  expect(frontierRows(frontier, all).map(({ arm }) => arm)).toEqual([frontier.arm('kd', 1), shared]);
  const third = { ...all[1]!, ...named({ run, experiment: 'resnet-long', arm: 'direct', scale: 'laptop', seed: 1 }) };
  expect(frontierRows(frontier, [...all, third])).toHaveLength(2); // once, though two others have it
  expect(frontierRows(frontier, [all[1]!])).toEqual([]);
  expect(frontierRows(frontier, [row(frontier.arm('kd', 1), 2, 50), all[1]!])).toHaveLength(1);
});

test('a frontier without direct training is summarized without crossings', () => {
  const summary = summarizeFrontier(frontier, 'laptop', rows({ kd: [50, 60] }))!;
  expect(summary.crossings).toEqual({});
  expect(summaryLines(summary).join('\n')).not.toContain('Against direct training');
});

test('costs are the thin net’s own, with the wide net’s forward passes, and with its training', () => {
  const points = frontierPoints(frontier, rows({ direct: [50, 60], 'three-stage': [70, 80] }, 1));
  const costOf = (training: string): FrontierPoint['cost'] => points.find((point) => point.training === training)!.cost;
  expect(costOf('direct')).toEqual({ thin: 1, existing: 1, total: 1 });
  expect(costOf('three-stage')).toEqual({ thin: 1, existing: 21, total: 61 });
});

test('the wide net that the others learn from is the arm of its own that is the same run, under either name', () => {
  const budget = frontier.teacherBudget(1)!;
  expect(frontier.baseSteps * budget).toBe(1000);
  const arm = frontier.arm('wide', budget);
  for (const name of ['wide', arm]) {
    const points = frontierPoints(frontier, [row(name, 1, 99, 40), row('kd x1', 1, 80, 1, 60)]);
    expect(points.find(({ training }) => training === 'wide')).toMatchObject({ budget, accuracy: 99 });
    expect(points.find(({ training }) => training === 'kd')!.cost).toEqual({ thin: 1, existing: 21, total: 61 });
  }
});

describe('two curves', () => {
  const line = (...accuracies: number[]): { cost: number; accuracy: number }[] =>
    accuracies.map((accuracy, i) => ({ cost: 10 ** i, accuracy }));

  test('cross where they do in the logarithm of the cost, and how far each leads is said', () => {
    const found = crossing(line(60, 70, 80), line(40, 80, 90));
    expect(found.at).toEqual([{ cost: expect.closeTo(10 ** (2 / 3)) as number, firstAbove: false }]);
    expect(found.lead).toEqual([20, 10]);
    expect(found.range).toEqual([1, 100]);
  });

  test('cross where they meet, once, also over several points; to touch is no crossing', () => {
    expect(crossing(line(80, 90, 95), line(82, 90, 93)).at).toEqual([{ cost: 10, firstAbove: true }]);
    expect(crossing(line(80, 90, 95, 97), line(82, 90, 95, 94)).at).toEqual([{ cost: 100, firstAbove: true }]);
    expect(crossing(line(80, 90, 95), line(82, 90, 96)).at).toEqual([]);
    expect(crossing(line(90, 90), line(90, 90))).toMatchObject({ at: [], lead: [0, 0] });
  });

  test('beside a point without a number are not compared', () => {
    const found = crossing(line(60, NaN, 80, 90), line(70, 75, 81, 85));
    expect(found.at).toEqual([{ cost: expect.closeTo(10 ** (2 + 1 / 6)) as number, firstAbove: true }]);
    expect(found.lead).toEqual([5, 10]);
    const gone = rows({ direct: [50, 90], 'three-stage': [97, 99] }).map((one) =>
      one.arm === frontier.arm('direct', 1) && one.seed === 2
        ? { ...one, values: { ...one.values, testAccuracy: NaN } }
        : one,
    );
    const summary = summarizeFrontier(frontier, 'laptop', gone)!;
    expect(summary.crossings['three-stage']!.thin.lead[1]).toBe(0);
    expect(summaryLines(summary).join('\n')).not.toContain('NaN points');
  });

  test('that share no cost have no crossing and no range, but ends', () => {
    const far = [{ cost: 1e6, accuracy: 99 }];
    const ends = [{ cost: 10, accuracy: 2 }, far[0]];
    expect(crossing(line(1, 2), far)).toEqual({ at: [], lead: [0, 0], apart: ends });
    expect(crossing(far, line(1, 2)).apart).toEqual([...ends].reverse());
  });

  test('are not continued beyond their points', () => {
    expect(accuracyAt(line(60, 70), 0.5)).toBeUndefined();
    expect(accuracyAt(line(60, 70), 11)).toBeUndefined();
    expect(accuracyAt(line(60, 70), 1)).toBe(60);
    expect(accuracyAt(line(60, 70), Math.sqrt(10))).toBeCloseTo(65);
  });
});

describe('the time to a mark', () => {
  const points = (...accuracies: number[]): FrontierPoint[] =>
    accuracies.map((accuracy, i) => ({
      training: 'direct',
      label: 'direct',
      budget: 2 ** i,
      seed: 1,
      accuracy,
      cost: { thin: 1, existing: 1, total: 1 },
    }));

  test.each([
    ['between two budgets', [50, 90, 100], 95, { budget: 2 * Math.SQRT2, is: 'exactly' }],
    ['reached by the smallest', [96, 97], 95, { budget: 1, is: 'at-most' }],
    ['not reached by the largest', [50, 60, 70], 95, { budget: 4, is: 'above' }],
    ['the first of several', [50, 95, 60, 99], 95, { budget: 2, is: 'exactly' }],
  ] as const)('%s', (_, accuracies, mark, expected) => {
    const { budget, is } = timeTo(points(...accuracies), mark);
    expect(is).toBe(expected.is);
    expect(budget).toBeCloseTo(expected.budget);
  });
});

test('seeds that the largest budget lacks count where all budgets are compared in one seed no more', () => {
  const results = [...rows({ direct: [50, 96], 'three-stage': [96, 99] }, 4), row('direct x1', 9, 50)];
  expect(commonSeeds(frontierPoints(frontier, results))).toEqual([0, 1, 2, 3]);
  expect([...timesToMark(frontier, results).get('direct')!.keys()]).toEqual([0, 1, 2, 3]);
});

describe('verdicts', () => {
  test('arms that make no error at all do not differ', () => {
    const perfect = Array.from({ length: 5 }, (_, seed) =>
      ['direct', 'three-stage'].map((training) => row(frontier.arm(training, MOST), seed, 100)),
    ).flat();
    expect(verdictOf(perfect, 'thin-cost')).toMatchObject({ outcome: 'inconclusive', p: 1 });
  });

  const same = (value: number): number => value;
  /** Direct training at costs 1 and 100, three stages at these, their wide net's included. */
  const pipeline = (costs: readonly [number, number], accuracies: readonly [number, number]): TableRow[] =>
    Array.from({ length: 4 }, (_, seed) => [
      row('wide', seed, 100, 0.5),
      row(frontier.arm('direct', 1), seed, 50 + 0.1 * seed, 1),
      row(frontier.arm('direct', MOST), seed, 90 + 0.1 * seed, 100),
      ...[1, MOST].map((budget, i) =>
        row(frontier.arm('three-stage', budget), seed, accuracies[i]! + 0.2 * seed, 0.5, costs[i]! - 0.5),
      ),
    ]).flat();

  test('at equal cost three stages meet direct training that costs as much, interpolated between its runs', () => {
    const points = frontierPoints(frontier, pipeline([10, 100], [80, 85]));
    const found = leadAtCost(points, 'three-stage', 'total', same);
    // half way between 50 and 90 at cost 10, and 90 at cost 100
    found.leads.forEach((lead, seed) => expect(lead).toBeCloseTo((80 - 70 + 85 - 90) / 2 + 0.1 * seed));
    expect(found).toMatchObject({ budgets: [1, MOST], isReached: true, leftOut: [] });
  });

  test('a budget at whose cost direct training was not run is left out, and said', () => {
    const results = pipeline([10, 101], [80, 85]);
    const found = leadAtCost(frontierPoints(frontier, results), 'three-stage', 'total', same);
    expect(found.leads[0]).toBeCloseTo(10);
    expect(found).toMatchObject({ budgets: [1], isReached: true, leftOut: [MOST] });
    const verdict = verdictOf(pipeline([10, 101], [80, 91]), 'total-cost');
    expect(verdict).toMatchObject({ outcome: 'supported', seeds: 4 });
    expect(verdict.evidence).toContain(`left out, as direct training was not run at that cost: x${MOST}`);
  });

  test('a lead that is lost at the budgets that are left out is no lead, and one lost by more is a loss', () => {
    const verdictWith = (last: number): UncorrectedVerdict => verdictOf(pipeline([10, 101], [80, last]), 'total-cost');
    // direct training is half way from odds of 1 to odds of 9 at cost 10, three stages have odds of 4
    const lead = Math.log(4) - Math.log(9) / 2;
    const even = 100 / (1 + Math.exp(-(Math.log(9) - lead)));
    expect(verdictWith(even - 0.3).outcome).toBe('inconclusive');
    expect(verdictWith(even - 0.3).evidence).toMatch(
      /; with its dearest run there at most −?\d+\.\d+ points; log odds/,
    );
    expect(verdictWith(70).outcome).toBe('not supported');
  });

  test('budgets at the ends count as bounds of the ratio, which says so', () => {
    const { evidence } = verdictOf(rows({ direct: [50, 96], 'three-stage': [96, 99] }), 'worth');
    expect(evidence).toMatch(
      /^a factor of at least \d+\.\d; log2 .*; 4 of 4 runs of three stages reach it at the smallest/,
    );
    const slow = verdictOf(rows({ direct: [96, 99], 'three-stage': [50, 96] }), 'worth');
    expect(slow.evidence).toMatch(
      /^a factor of at most 0\.\d; .*; 4 of 4 direct runs reach it at the smallest budget$/,
    );
  });

  test('where direct training was run at none of the costs it can win with less, and not lose', () => {
    const outcomeOf = (accuracies: readonly [number, number]): UncorrectedVerdict =>
      verdictOf(pipeline([200, 300], accuracies), 'total-cost');
    expect(outcomeOf([70, 80])).toMatchObject({ outcome: 'not supported' });
    expect(outcomeOf([98, 99]).outcome).toBe('inconclusive');
    expect(outcomeOf([98, 99]).evidence).toMatch(/^cannot be decided: .* was run at none of these costs/);
    expect(outcomeOf([98, 99]).p).toBeUndefined();
  });

  test('at convergence nothing is decided while direct training gains a point by a doubling', () => {
    const results = (gain: number): TableRow[] =>
      Array.from({ length: 5 }, (_, seed) => [
        row(frontier.arm('direct', BEFORE), seed, 90 - gain * Math.log2(MOST / BEFORE) + 0.1 * Math.sin(seed), 4),
        row(frontier.arm('direct', MOST), seed, 90, 8),
        row(frontier.arm('three-stage', BEFORE), seed, 95, 4),
        row(frontier.arm('three-stage', MOST), seed, 95 + 0.1 * Math.cos(seed), 8),
      ]).flat();
    expect(verdictOf(results(0.5), 'convergence').outcome).toBe('supported');
    const gaining = verdictOf(results(1.5), 'convergence');
    expect(gaining.outcome).toBe('inconclusive');
    expect(gaining.evidence).toMatch(
      /^cannot be decided, as direct training has not converged: by each doubling of its steps it gains 1\.\d \[/,
    );
    expect(verdictOf(results(1.5), 'thin-cost').outcome).toBe('supported');
    const unknown = results(0.5).filter(({ arm }) => arm !== frontier.arm('direct', BEFORE));
    expect(verdictOf(unknown, 'convergence').outcome).toBe('inconclusive');
  });

  test('at convergence a lead that shrinks decides nothing if as much again would leave none', () => {
    const results = (earlier: number, lead: number): TableRow[] =>
      Array.from({ length: 5 }, (_, seed) => [
        row(frontier.arm('direct', BEFORE), seed, 90, 4),
        row(frontier.arm('direct', MOST), seed, 90.5 + 0.1 * Math.sin(seed), 8),
        row(frontier.arm('three-stage', BEFORE), seed, 90 + earlier + 0.1 * Math.cos(seed), 4),
        row(frontier.arm('three-stage', MOST), seed, 90.5 + lead, 8),
      ]).flat();
    expect(verdictOf(results(1.5, 1.2), 'convergence').outcome).toBe('supported');
    const shrinking = verdictOf(results(1.5, 0.6), 'convergence');
    expect(shrinking.outcome).toBe('inconclusive');
    expect(shrinking.evidence).toMatch(
      new RegExp(
        `three stages are ahead by 1\\.\\d+ points at x${BEFORE} and by 0\\.\\d+ at x${MOST}; once as much is lost as by the last doubling, −?0\\.\\d+ \\[`,
      ),
    );
    // a lead that is none has nothing to lose
    expect(verdictOf(results(-0.5, -1), 'convergence').outcome).toBe('not supported');
  });

  test('where neither way reaches the mark in any run, or both do in the shortest, nothing is told of times', () => {
    const low = verdictOf(rows({ direct: [10, 20], 'three-stage': [30, 40] }), 'worth');
    expect(low).toMatchObject({
      outcome: 'inconclusive',
      evidence: expect.stringContaining('no run of either') as string,
    });
    const high = verdictOf(rows({ direct: [98, 99], 'three-stage': [99, 99] }), 'worth');
    expect(high.evidence).toContain('the smallest budget is enough for both');
    expect(high.p).toBeUndefined();
  });

  test('a deeper net that its training made no better than the thin one decides nothing', () => {
    const results = rows({ direct: [50, 90], deeper: [70, 85], 'three-stage': [90, 95] });
    expect(verdictOf(results, 'deeper')).toMatchObject({
      outcome: 'inconclusive',
      evidence: expect.stringContaining('no better than its smaller version') as string,
    });
    expect(verdictOf(rows({ direct: [90, 100], deeper: [80, 100], 'three-stage': [95, 100] }), 'deeper')).toMatchObject(
      {
        outcome: 'inconclusive',
        evidence: expect.stringMatching(
          /as the rival is no better than its smaller version: both have 100\.0 %/,
        ) as string,
      },
    );
    expect(verdictOf(rows({ direct: [50, 80], deeper: [70, 85], 'three-stage': [90, 95] }), 'deeper').outcome).toBe(
      'supported',
    );
  });

  test.each([
    ['holds', { direct: [50, 99], 'selected-kl': [80, 90] }, 'supported'],
    ['fails at equal steps', { direct: [85, 99], 'selected-kl': [80, 90] }, 'not supported'],
    // direct training costs 8 at most there, the pipeline 61
    ['is open where direct training cost less', { direct: [50, 70], 'selected-kl': [80, 90] }, 'inconclusive'],
  ] as const)('the two-budget pattern %s', (_, accuracies, outcome) => {
    expect(verdictOf(rows(accuracies), 'two-budgets').outcome).toBe(outcome);
  });
});

test('every frontier that declares claims has the same ones, but for starts from selected channels; the paper’s is about convergence', () => {
  for (const declared of Object.values(FRONTIERS)) {
    const claims = frontierClaims(declared);
    const common = ['convergence', 'thin-cost', 'deeper', 'existing-cost', 'total-cost', 'worth'];
    const names = claims.map(({ id }) => id.replace(`${declared.name}-`, ''));
    const isGlosses = declared.name === 'frontier-glosses';
    if (declared.claims === undefined) expect([declared.name, names]).toEqual([declared.name, []]);
    else expect(names).toEqual(isGlosses ? common : [...common, 'two-budgets']);
    const papers = claims.filter(({ kind }) => kind === 'paper').map(({ id }) => id);
    expect(papers).toEqual(declared.claims === undefined ? [] : [`${declared.name}-convergence`]);
  }
});

test('a summary has the means with the seeds, the times with what bounds them, and the crossings', () => {
  const summary = summarizeFrontier(frontier, 'laptop', rows({ direct: [50, 90], 'three-stage': [97, 99] }))!;
  expect(summary.wideNet).toBe(100);
  expect(meansTable(summary).map((line) => line.training)).toEqual(['direct', 'three stages', 'wide net']);
  // one seed has no interval
  const one = rows({ direct: [50, 90] }).filter(({ seed }) => seed === 1);
  const [direct] = meansTable(summarizeFrontier(frontier, 'laptop', one)!);
  expect(Object.values(direct!)).toEqual(['direct', '49.9 (1)', '90.0 (1)']);
  const lines = summaryLines(summary);
  expect(lines).toContainEqual(
    expect.stringMatching(/direct: x\d+\.00 \(4 of 4 seeds not within the largest, counted as that\)/),
  );
  expect(lines).toContainEqual(expect.stringMatching(/three stages: x1\.00 \(4 of 4 already at the smallest\)/));
  expect(summarizeFrontier(frontier, 'laptop', [])).toBeUndefined();
});

test('between tuned budgets the nearest in ratio is taken, the larger of two that are as near', () => {
  expect([1, 2, 3, 4, 8, 16].map((budget) => nearestBudget([16, 1, 4], budget))).toEqual([1, 4, 4, 4, 16, 16]);
});

test('an experiment without a frontier is refused with those that have one', () => {
  expect(() => frontierFor('resnet-digit')).toThrow(/unknown frontier "resnet-digit".*resnet-hierarchy/);
});

test('where the wide net’s training is most of the cost, the last panel begins there, and cheaper ways are levels', () => {
  const draw = drawFrontier(frontier, { id: 'x', costs: ['existing', 'total'], size: [100, 100] });
  const results = (teacher: number): TableRow[] =>
    [0, 1].flatMap((seed) => [
      row('wide', seed, 99, teacher),
      ...[1, MOST].flatMap((budget) => [
        row(frontier.arm('direct', budget), seed, budget === 1 ? 50 : 90, budget),
        row(frontier.arm('kd', budget), seed, 95, budget, teacher + 20 * budget),
      ]),
    ]);
  const panel = (teacher: number): readonly Datum[] =>
    draw({ scale: 'laptop', rows: [], curves: [], results: results(teacher) })!.data.filter(
      (datum) => datum.panel === COSTS.total,
    );
  const levels = (data: readonly Datum[]): unknown[] =>
    data.filter(({ level }) => level !== undefined).map(({ series, x, level }) => [series, x, level]);
  expect(levels(panel(1))).toEqual([]);
  const far = panel(1e4);
  expect(Math.min(...far.map(({ x }) => Number(x)))).toBe(1e4);
  const end = Math.max(...far.map(({ x }) => Number(x)));
  expect(levels(far)).toEqual([
    ['direct', 1e4, 90],
    ['direct', end, 90],
  ]);
  expect(far.filter(({ series }) => series === 'KD')).toHaveLength(2);
  const { spec } = draw({ scale: 'laptop', rows: [], curves: [], results: results(1e4) })!;
  expect(JSON.stringify(spec)).toContain(`datum.value >= 10000 && datum.value <= ${end} ? format(`);
});

test('a caption says for how long each net was trained, and which ways have the longest budgets', () => {
  const captions = new Map(
    Object.values(KEPT_REPORT.figures).flatMap((all) => all.map(({ id, caption }) => [id, caption])),
  );
  expect(captions.get('frontier-glosses')).toContain(
    'the thin one trained for 1, 4 and 16 times 200 steps, the wide one for 64 times as many, too; every arm tuned, ' +
      'its rate that of the nearest tuned budget. One point',
  );
  expect(captions.get('frontier-hierarchy')).toContain(
    'the thin one trained for 1, 2, 4, 8 and 16 times 250 steps; every',
  );
  expect(captions.get('frontier-plain-16')).not.toMatch(/of the \d+ ways/);
  expect(captions.get('frontier-fashion')).toContain('3 of the 6 ways have more than 16 times. One point');
  const draw = drawFrontier(frontier, { id: 'x', costs: ['existing', 'total'], size: [100, 100] });
  const results = [1, 2].map((seed) => row(frontier.arm('wide', 4), seed, 99 + 0.1 * seed));
  expect(draw({ scale: 'laptop', rows: [], curves: [], results })!.caption).toContain(
    ', the wide one trained for 4 times 250 steps. One point',
  );
});
