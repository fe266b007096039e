import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { theoryExperiments } from '../../experiments/registry.js';
import { cellsOf, type Experiment, type Scale } from '../../src/core/experiment.js';
import type { Kernel } from '../../theory/kernel/interface.js';
import { KERNELS, openKernel, useKernel } from '../../theory/kernel/kernel.js';
import { KERNEL_SECONDS, type KernelSeconds } from '../../theory/kernel/seconds.js';
import { copyNet, initialNet, thinNet, type Net } from '../../theory/model/particles.js';
import { parseStudySpec, type Study } from '../../theory/studies/study.js';
import { registerStudy, STUDIES, studyByName, THEORY_KIND, THEORY_RUNNER } from '../../theory/studies/index.js';
import { sineTask } from '../../theory/model/task.js';
import type { Cell, RunContext, Row } from '../../src/core/run.js';
import { rms } from '../../src/core/stats.js';

const BASE = {
  alpha: 1,
  c: 1,
  rho: 0,
  d: 2,
  train: 8,
  heldOut: 16,
  wide: 32,
  time: 0.5,
  imitationTime: 0.25,
  dt: 0.05,
  draws: 2,
};
const WITHOUT_IMITATION = Object.fromEntries(Object.entries(BASE).filter(([key]) => key !== 'imitationTime'));
const SMALL: Record<string, { spec: Record<string, unknown>; rows: number }> = {
  width: { spec: { ...BASE, study: 'width', regime: 'skip', depth: 2, widths: [4, 8] }, rows: 2 * 6 },
  depth: { spec: { ...BASE, study: 'depth', regime: 'skip', m: 4, depths: [1, 2, 3] }, rows: 3 },
  time: { spec: { ...BASE, study: 'time', regime: 'skip', depth: 2, m: 4, times: [0, 0.2, 0.5] }, rows: 3 },
  imitation: {
    spec: { ...WITHOUT_IMITATION, study: 'imitation', regime: 'skip', depth: 2, m: 4, times: [0, 0.2], ridge: 1e-3 },
    rows: 2,
  },
  limit: {
    spec: {
      ...Object.fromEntries(Object.entries(BASE).filter(([key]) => key !== 'time')),
      ...{ study: 'limit', regime: 'skip', m: [4, 8], depths: [1, 2], times: [0, 0.5], target: 0.4 },
      particles: { first: 32, most: 64 },
    },
    // two depths: two widths at two times, and after imitation
    rows: 2 * (4 + 2),
  },
  selection: {
    spec: { ...BASE, study: 'selection', regime: 'skip', depths: [1, 2], widths: [4, 8], ridge: 1e-3 },
    rows: 4,
  },
  scale: { spec: { ...BASE, study: 'scale', parameter: 'c', values: [0.5, 1], depth: 2, m: 4 }, rows: 2 },
  bounds: { spec: { ...BASE, study: 'bounds', regime: 'skip', m: 4, depths: [1, 2] }, rows: 2 },
  saddle: {
    spec: { study: 'saddle', g: 1.1, kappa: 3, time: 0.1, steps: 20, depths: [2, 3], m: 1e6, draws: 3, particles: 64 },
    rows: 2,
  },
  'tanh-saddle': {
    spec: {
      study: 'tanh-saddle',
      g: 1.2,
      kappa: 3,
      spread: 0.2,
      time: 0.1,
      steps: 10,
      depths: [2, 3],
      m: 64,
      train: 8,
      heldOut: 8,
      draws: 2,
    },
    rows: 2,
  },
  generic: {
    spec: { ...BASE, study: 'generic', family: 'f', m: 4, depths: [1, 2, 3, 4], target: 'amplified', gain: 2, sa: 1 },
    rows: 4,
  },
  residual: {
    spec: {
      study: 'residual',
      embeddings: [4, 8],
      widths: [4, 8],
      reference: { D: 16, M: 16 },
      blocks: 4,
      samples: 3,
      inputs: 2,
      outputs: 2,
      steps: 2,
      eta: 1,
    },
    rows: 5,
  },
  'residual-depth': {
    spec: {
      ...{ study: 'residual-depth', activation: 'tanh', D: 1, nodes: { u: 4, v: 2 }, depths: [2, 4] },
      ...{ samples: 3, inputs: 2, outputs: 2, steps: 2, eta: 0.5 },
    },
    rows: 2,
  },
  stages: { spec: { ...BASE, study: 'stages', regime: 'skip', depth: 2, widths: [4, 8], tuningTime: 0.25 }, rows: 2 },
};

describe('adding a study is registering one object', () => {
  const halving: Study<{ study: 'halving'; times: number }> = {
    name: 'halving',
    law: 'a half of a half is a quarter',
    rule: 'exactly: supported; otherwise: not supported',
    schema: z.strictObject({ study: z.literal('halving'), times: z.int().min(1) }),
    cost: ({ times }) => times * 1e-6,
    run: async ({ times }, seed, tick) => {
      await tick(0, times);
      return Array.from({ length: times }, (_, i) => ({ i, value: seed / 2 ** i }));
    },
  };
  const cell = (spec: Cell['spec']): Cell => ({
    experiment: 'halving',
    arm: 'custom',
    scale: 'custom',
    kind: THEORY_KIND,
    spec,
    seed: 8,
  });
  afterEach(() => void delete STUDIES.halving);

  test('the runner checks, prices and runs its cells', async () => {
    registerStudy(halving);
    const given = cell({ study: 'halving', times: 3 });
    THEORY_RUNNER.check(given);
    expect(THEORY_RUNNER.cost(given)).toBeCloseTo(3e-6, 12);
    const rows: Row[] = [];
    const context: Partial<RunContext> = {
      cell: given,
      log: (row) => void rows.push(row),
      progress: () => {},
      shouldSave: () => false,
    };
    expect((await THEORY_RUNNER.execute(context as RunContext)).result).toEqual({ rows: 3 });
    expect(rows).toEqual([
      { i: 0, value: 8 },
      { i: 1, value: 4 },
      { i: 2, value: 2 },
    ]);
    expect(() => THEORY_RUNNER.check(cell({ study: 'halving', times: 0 }))).toThrow(/spec of study "halving": .*times/);
  });

  test('a name twice is refused, and a name that nearly fits is suggested', () => {
    registerStudy(halving);
    expect(() => registerStudy(halving)).toThrow('the study "halving" is registered already');
    expect(() => THEORY_RUNNER.check(cell({ study: 'halfing', times: 3 }))).toThrow(/Did you mean "halving"\?/);
  });
});

/** Particles times samples of the kernel's passes, as counted while something ran. */
interface Counted {
  steps: number;
  passes: number;
  tangents: number;
}

/** The WebAssembly kernel, which counts what it does. */
function countingKernel(counted: Counted): Kernel {
  const inner = openKernel('wasm', 1);
  const pairs = ({ d, layers }: Net, x: Float64Array): number =>
    (x.length / d) * layers.reduce((sum, { m }) => sum + m, 0);
  return {
    name: 'counting',
    peak: () => undefined,
    forward: (net, x, outs) => {
      counted.passes += pairs(net, x);
      inner.forward(net, x, outs);
    },
    descend: (net, x, y, dt, losses, to) => {
      counted.steps += pairs(net, x) * losses.length;
      return inner.descend(net, x, y, dt, losses, to);
    },
    backward: (net, z, p, to, back) => {
      counted.steps += pairs(net, z);
      inner.backward(net, z, p, to, back);
    },
    tangent: (net, directions, pass) => {
      if (pass.velocity !== undefined) counted.tangents += pairs(net, pass.x) * directions.length;
      return inner.tangent(net, directions, pass);
    },
  };
}

/** A kernel that takes so many seconds for each of one kind of what it does, whatever the dimension. */
function taking(kind: keyof Pick<KernelSeconds, 'step' | 'pass' | 'tangent'>, seconds: number): KernelSeconds {
  const nothing = { fixed: 0, each: 0 };
  return { block: 1, step: nothing, pass: nothing, tangent: nothing, [kind]: { fixed: seconds, each: 0 } };
}

describe('the price of a study', () => {
  afterEach(() => useKernel(undefined));

  // bounds take their steps one by one, beside which the kernel is nothing
  const priced = Object.keys(STUDIES).filter((name) => name !== 'bounds');
  test.each(priced)('%s: counts what the kernel does', async (name) => {
    const study = studyByName(name);
    // the limit by its first nets, of particles so few that they tell little
    const spec = parseStudySpec(study, { ...SMALL[name]!.spec, ...(name === 'limit' && { target: 0.5, nets: 8 }) });
    const counted: Counted = { steps: 0, passes: 0, tangents: 0 };
    useKernel(countingKernel(counted));
    await study.run(spec, 1, async () => {});
    const beside = study.cost(spec, taking('step', 0));
    const secondsOf = (kind: Parameters<typeof taking>[0]): number => study.cost(spec, taking(kind, 1)) - beside;
    expect(secondsOf('step')).toBeCloseTo(counted.steps, 3);
    expect(secondsOf('tangent')).toBeCloseTo(counted.tangents, 3);
    // passes take the less, beside tangents next to nothing
    if (counted.tangents > 0 || counted.passes === 0) return;
    expect(secondsOf('pass') / counted.passes).toBeGreaterThan(2 / 3);
    expect(secondsOf('pass') / counted.passes).toBeLessThan(3 / 2);
  });

  test('of a limit that may have fewer nets than are judged first is that of these', () => {
    const tangents = (nets: number): number => {
      const spec = parseStudySpec(studyByName('limit'), { ...SMALL.limit!.spec, nets });
      return studyByName('limit').cost(spec, taking('tangent', 1)) - studyByName('limit').cost(spec, taking('step', 0));
    };
    expect(tangents(2) / tangents(8)).toBeCloseTo(1 / 4, 12);
    expect(tangents(64)).toBe(tangents(8));
  });

  test('is higher by a slower kernel, and names the kernels where it is given another', () => {
    const [experiment] = theoryExperiments().filter(({ name }) => name === 'limit');
    const [first] = cellsOf(experiment!, 'minutes', 1);
    const cost = (kernel?: string): number => THEORY_RUNNER.cost(first!, kernel === undefined ? {} : { kernel });
    expect(cost()).toBe(cost('native'));
    expect(cost('wasm') / cost('native')).toBeGreaterThan(2);
    expect(() => cost('gpu')).toThrow(/unknown kernel "gpu"; expected one of: native, wasm/);
  });

  test('is known for every kernel', () => {
    expect(Object.keys(KERNEL_SECONDS)).toEqual(Object.keys(KERNELS));
  });
});

test('the study of limits says after each net how far it is', async () => {
  const study = studyByName('limit');
  // some need more nets than the first, or larger ones; some may have no more than three
  const changes = [{ first: 8 }, { first: 8, target: 0.1, nets: 32 }, { first: 3, nets: 3 }];
  for (const { first, ...change } of changes) {
    const ticks: (readonly [number, number])[] = [];
    const spec = parseStudySpec(study, { ...SMALL.limit!.spec, ...change });
    await study.run(spec, 1, async (...at) => void ticks.push(at));
    const [done, totals] = [ticks.map(([one]) => one), ticks.map(([, total]) => total)];
    expect(new Set(totals).size).toBe(1);
    expect(done).toEqual([...done].sort((a, b) => a - b));
    expect(done[0]).toBe(0);
    expect(done.at(-1)).toBe(totals[0]);
    // two depths, direct training and imitation
    expect(new Set(done).size).toBe(1 + 2 * 2 * first);
    expect(done.every(Number.isInteger)).toBe(true);
  }
});

test('a study stands in the registry under its own name', () => {
  expect(Object.values(STUDIES).map(({ name }) => name)).toEqual(Object.keys(STUDIES));
});

describe.each(Object.keys(STUDIES))('%s', (name) => {
  const { spec, rows: expected } = SMALL[name]!;
  const study = studyByName(name);
  const run = async (seed: number): Promise<unknown[]> => study.run(parseStudySpec(study, spec), seed, async () => {});

  test('gives the same rows for the same seed, others for another, all finite', async () => {
    const rows = await run(1);
    expect(rows).toHaveLength(expected);
    expect(await run(1)).toEqual(rows);
    expect(await run(2)).not.toEqual(rows);
    for (const row of rows)
      for (const value of Object.values(row as object))
        if (typeof value === 'number') expect(Number.isFinite(value)).toBe(true);
    expect(study.cost(parseStudySpec(study, spec))).toBeGreaterThan(0);
  });

  test('refuses unknown keys and wrong values, and names them', () => {
    expect(() => parseStudySpec(study, { ...spec, extra: 1 })).toThrow(/extra/);
    expect(() => parseStudySpec(study, { ...spec, study: 'two' })).toThrow(/study/);
    expect(study.law.length * study.rule.length).toBeGreaterThan(0);
  });
});

describe('residual nets against their blocks', () => {
  const study = studyByName('residual-depth');
  const linear = { study: 'residual-depth', activation: 'identity', samples: 4, inputs: 2, outputs: 3, steps: 4 };
  const run = (change: object): Promise<Row[]> =>
    study.run(parseStudySpec(study, { ...linear, depths: [16, 32], eta: 0.3, ...change }), 1, async () => {});

  test.each([{}, { activation: 'tanh', D: 1 }])(
    '%j: twice the blocks halve the change, from some on',
    async (change) => {
      const [one, twice] = await run(change);
      expect(Number(one!.change) / Number(twice!.change)).toBeCloseTo(2, 0);
      expect(Number(one!.term) / Number(twice!.term)).toBeCloseTo(1, 0);
      expect([one!.lossIncreases, twice!.lossIncreases]).toEqual([0, 0]);
    },
  );
  test.each([{}, { activation: 'tanh', D: 1 }])('%j: a net that explodes ends the study by name', async (change) => {
    await expect(run({ ...change, eta: 1e6 })).rejects.toThrow(
      /^the residual net of 16 blocks exploded at step \d+; a smaller eta than 1000000 is needed/,
    );
  });
  test('an infinite embedding is computed for linear nets alone, and a quadrature has its bounds', () => {
    const check = (change: object) => () => parseStudySpec(study, { ...linear, depths: [2, 4], eta: 1, ...change });
    expect(check({ activation: 'tanh' })).toThrow(/D: expected a number: .* for "identity" alone/);
    expect(check({ activation: 'tanh', D: 4 })).toThrow(/nodes: expected at most 100000 units/);
  });
});

test('a thin net must be thinner than the wide one', () => {
  expect(() => parseStudySpec(studyByName('width'), { ...SMALL.width!.spec, widths: [4, 32] })).toThrow(
    /"widths" to be below "wide"/,
  );
  expect(() => parseStudySpec(studyByName('depth'), { ...SMALL.depth!.spec, m: 40 })).toThrow(/"m" to be below "wide"/);
  expect(() => studyByName('height')).toThrow(/unknown study/);
});

test.each(
  theoryExperiments().flatMap((experiment) =>
    (Object.keys(experiment.seeds) as Scale[]).map(
      (scale) => [experiment.name, scale, experiment] as [string, Scale, Experiment],
    ),
  ),
)('%s at scale %s: valid JSON specs, as many seeds as declared', (_, scale, experiment) => {
  const cells = cellsOf(experiment, scale, 1);
  expect(new Set(cells.map((cell) => cell.seed)).size).toBe(experiment.seeds[scale]);
  for (const { spec } of cells) {
    expect(JSON.parse(JSON.stringify(spec))).toEqual(spec);
    parseStudySpec(studyByName(spec.study), spec);
  }
});

test('initial particles have the law that they should: unit a, b with correlation rho, bias 1/2', () => {
  const { layers } = initialNet(1, { depth: 1, m: 20_000, d: 2, alpha: 0, c: 1 }, { rho: 0.6 });
  const { a, b, bias } = layers[0]!;
  const correlation = a.reduce((sum, value, i) => sum + value * b[i]!, 0) / a.length;
  expect(rms(a)).toBeCloseTo(1, 1);
  expect(rms(b)).toBeCloseTo(1, 1);
  expect(Math.abs(correlation - 0.6)).toBeLessThan(0.03);
  expect(Math.abs(rms(bias) - 0.5)).toBeLessThan(0.02);
});

test('thin nets take the wide net’s own particles, each once, and copies share nothing', () => {
  const wide = initialNet(1, { depth: 2, m: 10, d: 2, alpha: 1, c: 1 }, { rho: 0 });
  const thin = thinNet(wide, 4, 1, 0);
  for (const [l, layer] of thin.layers.entries()) {
    const indices = [...layer.bias].map((value) => wide.layers[l]!.bias.indexOf(value));
    expect(new Set(indices).size).toBe(4);
    indices.forEach((index, i) =>
      expect([...layer.a.subarray(2 * i, 2 * i + 2)]).toEqual([
        ...wide.layers[l]!.a.subarray(2 * index, 2 * index + 2),
      ]),
    );
  }
  copyNet(wide).layers[0]!.a[0] = 99;
  expect(wide.layers[0]!.a[0]).not.toBe(99);
});

test('the task has outputs of size about 1.3, and its held-out points are others', () => {
  const { train, heldOut } = sineTask(1, 4, 500, 500);
  expect(rms(train.y) * 2).toBeGreaterThan(0.9);
  expect(rms(train.y) * 2).toBeLessThan(1.9);
  expect(train.x[0]).not.toBe(heldOut.x[0]);
});
