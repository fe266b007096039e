/** Extreme values of every setting: each with a right value, or one clear line. */
import { describe, expect, test } from 'vitest';
import type { HostArray, HostArrays, HostValues } from '../../src/core/host-array.js';
import { closedForm, runningGronwall, uniformConstants } from '../../theory/bounds/index.js';
import { trainDirect } from '../../theory/flow/direct.js';
import { initialNet, pickNet, thinIndices, thinNet, type Net } from '../../theory/model/particles.js';
import { sineTask } from '../../theory/model/task.js';
import { declaredLimit } from '../../theory/limit/declared.js';
import { discrepancy } from '../../theory/network/discrepancy.js';
import { output } from '../../theory/network/network.js';
import { checkSimulation, simulate } from '../../theory/simulate/simulate.js';
import { studyByName } from '../../theory/studies/index.js';
import { parseStudySpec } from '../../theory/studies/study.js';

const MODEL = { depth: 2, d: 3, width: 16 };
const FLOW = { steps: 4, dt: 0.05 };
const thinOf = (summary: Readonly<Record<string, unknown>>): { discrepancy: number; telescope: number[] } =>
  summary.thin as { discrepancy: number; telescope: number[] };

describe('simulate', () => {
  const run = (model: object, thin: object = { m: 4 }): ReturnType<typeof simulate> =>
    simulate({ model: { ...MODEL, ...model }, flow: FLOW, thin, data: { train: 8, heldOut: 8 } });

  test('m = M takes all particles: the thin net is the wide one, however it is trained', () => {
    for (const training of ['direct', 'imitation'])
      expect(thinOf(run({}, { m: 16, training, imitation: FLOW }).summary).discrepancy).toBeLessThan(1e-12);
  });

  test.each([
    ['m = 1', {}, { m: 1 }],
    ['L = 1', { depth: 1 }, { m: 4 }],
    ['d = 1', { d: 1 }, { m: 4 }],
    ['d = 64', { d: 64 }, { m: 4 }],
    ['d = 65', { d: 65 }, { m: 4 }],
    ['M = 1 and m = 1', { width: 1 }, { m: 1 }],
    ['rho = 1', { law: { rho: 1 } }, { m: 4 }],
    ['rho = -1', { law: { rho: -1 } }, { m: 4 }],
    ['sbias = 0', { law: { sbias: 0 } }, { m: 4 }],
    ['c < 0', { c: -1 }, { m: 4 }],
    ['no skip', { alpha: 0, c: 3, law: { rho: 0.9 } }, { m: 4 }],
    ['no skip in one layer', { alpha: [1, 0], c: [1, -2] }, { m: 4 }],
    ['c = 0 in one layer', { c: [0, 1] }, { m: 4 }],
    ['one input', { inputs: 1 }, { m: 4 }],
    ['one output', { outputs: 1 }, { m: 4 }],
    ['more inputs and outputs than dimensions', { inputs: 64, outputs: 64 }, { m: 4 }],
    ['M = 1, m = 1, one input, one output', { width: 1, inputs: 1, outputs: 1, d: 1 }, { m: 1 }],
  ])('%s: finite, and D at most the telescoped sum', (_, model, thin) => {
    const { arrays, summary } = run(model, thin);
    for (const { values } of Object.values(arrays)) expect(values.every(Number.isFinite)).toBe(true);
    const { discrepancy: D, telescope } = thinOf(summary);
    expect(D).toBeGreaterThanOrEqual(0);
    expect(D).toBeLessThanOrEqual(telescope.reduce((sum, h) => sum + h, 0) * (1 + 1e-9));
  });

  test('c = 0: the output is alpha^L x, and no particle moves', () => {
    const { arrays, summary } = run({ c: 0, alpha: 0.5 });
    arrays.output!.values.forEach((value, j) => expect(value).toBeCloseTo(arrays.x!.values[j]! / 4, 14));
    expect(thinOf(summary).discrepancy).toBe(0);
    expect((summary.losses as number[])[4]).toBeCloseTo((summary.losses as number[])[0]!, 14);
  });

  test('cross-entropy: a dt that is huge explodes by name, and a small one brings the loss down at every step', () => {
    const model = { ...MODEL, outputs: 2 };
    expect(() => simulate({ model, loss: 'cross-entropy', flow: { steps: 50, dt: 1e9 } })).toThrow(/exploded at step/);
    const { summary } = simulate({ model, loss: 'cross-entropy', flow: { steps: 50, dt: 0.1 } });
    expect(summary.lossIncreases).toBe(0);
  });

  test('-c with -b is c with b', () => {
    const net = (c: number): Net => initialNet(1, { depth: 2, m: 8, d: 2, alpha: 1, c }, { rho: 0 });
    const [plus, minus] = [net(1), net(-1)];
    for (const { b } of minus.layers) b.forEach((value, i) => (b[i] = -value));
    const { train } = sineTask(1, 2, 8, 8);
    for (const one of [plus, minus]) trainDirect(one, train, FLOW);
    expect([...output(minus, train.x)]).toEqual([...output(plus, train.x)]);
  });

  test('N = 1 and no steps', () => {
    const { summary } = simulate({ model: MODEL, flow: { steps: 0, dt: 1 }, data: { train: 1, heldOut: 1 } });
    expect(summary.losses).toHaveLength(1);
  });

  test('a dt that is huge explodes by name, for each method and each part', () => {
    for (const method of ['euler', 'heun', 'rk4'])
      expect(() => simulate({ model: MODEL, flow: { steps: 50, dt: 1e9, method } })).toThrow(/exploded at step \d+/);
    for (const kind of [
      { kind: 'langevin', temperature: 1 },
      { kind: 'momentum', friction: 1e-9 },
    ])
      expect(() => simulate({ model: MODEL, flow: { steps: 50, dt: 1e9, ...kind } })).toThrow(/exploded at step \d+/);
    for (const inputs of ['wide', 'thin'])
      expect(() => run({}, { m: 2, training: 'imitation', inputs, imitation: { steps: 50, dt: 1e9 } })).toThrow(
        /imitation of layer 1 exploded/,
      );
  });
});

describe('what a run would refuse is refused before it, in one line', () => {
  const CONFIG = { model: MODEL, flow: FLOW, data: { train: 8, heldOut: 8 } };
  const array = (...shape: number[]) => ({
    shape,
    values: new Float64Array(shape.reduce((size, n) => size * n, 1)).fill(0.5),
  });
  const own = { x: array(3, 3), y: array(3, 3) };

  test.each<[string, object, HostArrays<HostValues>, RegExp]>([
    ['m above M', { thin: { m: [4, 17] } }, {}, /^config: "thin.m": layer 2 has M = 16/],
    ['a batch above N', { flow: { ...FLOW, batch: 9 } }, {}, /^config: "flow.batch": .* 8 samples, got 9/],
    ['a batch above one’s own N', { flow: { ...FLOW, batch: 4 } }, own, /^config: "flow.batch": .* 3 samples, got 4/],
    ['own samples without points', { thin: { m: 4 } }, own, /^particles: "heldOut\/x" is missing/],
    ['own samples of another dimension', {}, { ...own, x: array(3, 4) }, /^particles: "x": expected shape \[3, 3\]/],
    [
      'points of another dimension',
      { thin: { m: 4 } },
      { 'heldOut/x': array(3, 2) },
      /^particles: "heldOut\/x": expected/,
    ],
    ['NaN', {}, { ...own, x: { shape: [3, 3], values: new Float64Array(9).fill(NaN) } }, /^particles: "x" has NaN/],
    ['no sample', {}, { x: array(0, 3), y: array(0, 3) }, /^particles: "x": expected shape \[N, 3\]/],
    ['labels that are none', { loss: 'cross-entropy' }, own, /^particles: "y", row 0: adds up to 1.5/],
    [
      'a read map of another shape',
      { model: { ...MODEL, inputs: 2 } },
      { 'read-in': array(2, 3) },
      /"read-in": expected/,
    ],
    [
      'a law that leaves float64',
      { model: { ...MODEL, law: { sbias: 1e308 } } },
      {},
      /^invalid config: model.law.sbias: expected at most/,
    ],
    ['a version that never was', { version: 0 }, {}, /^invalid config: version: expected at least 1, got 0/],
    ['an infinity, as 1e400 is read', { model: { ...MODEL, alpha: Infinity } }, {}, /model.alpha: .*got Infinity/],
    [
      'decay that turns particles round',
      { flow: { kind: 'langevin', steps: 4, dt: 0.5, temperature: 1, decay: 3 } },
      {},
      /^invalid config: flow.decay: expected decay x dt of at most 1/,
    ],
  ])('%s', (_, change, arrays, message) => {
    for (const ask of [checkSimulation, simulate]) expect(() => ask({ ...CONFIG, ...change }, arrays)).toThrow(message);
  });

  test('a declaration with its defaults is one that gives itself', () => {
    const full = checkSimulation({ ...CONFIG, thin: { m: 4, training: 'imitation', imitation: FLOW } });
    expect(checkSimulation(JSON.parse(JSON.stringify(full)))).toEqual(full);
  });

  test('what is not read, and what has no effect, is said', () => {
    const { warnings } = simulate(
      { ...CONFIG, thin: { m: 4, inputs: 'thin', imitation: FLOW, tuning: FLOW } },
      { 'heldout/x': array(3, 3), output: array(8, 3), 'thin/layer1/a': array(4, 3) },
    );
    expect(warnings).toEqual([
      expect.stringMatching(/^thin: "inputs" has no effect/),
      expect.stringMatching(/^thin: "imitation" has no effect/),
      expect.stringMatching(/^thin: "tuning" has no effect/),
      expect.stringMatching(/^particles: "heldout\/x" is not read; known: layer1\/a/),
    ]);
  });

  describe('particles of one’s own', () => {
    const particles = Object.fromEntries(
      [1, 2].flatMap((l) => [
        [`layer${l}/a`, array(16, 3)],
        [`layer${l}/b`, array(16, 3)],
        [`layer${l}/bias`, array(16)],
      ]),
    ) as HostArrays<HostValues>;
    const bare = { ...MODEL, alpha: 0 };

    test('need no law, which is not asked for, and is said to be idle where it is given', async () => {
      const settings = { target: 0.4, particles: { most: 256 }, nets: 8 };
      for (const model of [bare, { ...MODEL, alpha: [1, 0] }]) {
        expect(simulate({ ...CONFIG, model }, particles).warnings).toEqual([]);
        expect((await declaredLimit({ ...CONFIG, model }, particles, settings)).warnings).toEqual([]);
        expect(simulate({ ...CONFIG, model }).warnings).toEqual([expect.stringMatching(/give "law.rho" above 0/)]);
      }
      expect(simulate({ ...CONFIG, model: { ...bare, law: { rho: 0.9 } } }, particles).warnings).toEqual([
        'model: "law" has no effect: every particle is one of your own',
      ]);
    });

    test('have no law from which a fresh thin net could be drawn', async () => {
      const config = { ...CONFIG, thin: { m: 4, coupling: 'fresh' } };
      const message =
        'config: "thin.coupling" is "fresh", and particles of your own have no law from which a fresh thin net could be drawn; ask for "coupled"';
      for (const ask of [checkSimulation, simulate]) expect(() => ask(config, particles)).toThrow(message);
      await expect(declaredLimit(config, particles)).rejects.toThrow(message);
      expect(() => simulate(config)).not.toThrow();
    });
  });

  test('numbers of samples that the file does not have are said to be idle', () => {
    const files = { ...own, 'heldOut/x': array(4, 3) };
    expect(simulate({ ...CONFIG, data: { train: 8, heldOut: 5 } }, files).warnings).toEqual([
      'data: "train" has no effect: the file has 3 of its own as "x", and not 8',
      'data: "heldOut" has no effect: the file has 4 of its own as "heldOut/x", and not 5',
    ]);
    for (const data of [{}, { train: 3, heldOut: 4 }])
      expect(simulate({ ...CONFIG, data }, files).warnings).toEqual([]);
  });

  test('imitation by a fresh net begins with no trained particles, and says so', () => {
    const warnings = (thin: object): readonly string[] =>
      simulate({ ...CONFIG, thin: { m: 4, training: 'imitation', imitation: FLOW, ...thin } }).warnings;
    expect(warnings({ coupling: 'fresh', from: 'trained' })).toEqual([
      expect.stringMatching(/^thin: "from": "trained" has no effect with "coupling": "fresh"/),
    ]);
    expect(warnings({ coupling: 'fresh', from: 'initial' })).toEqual([]);
    expect(warnings({ from: 'trained' })).toEqual([]);
  });

  test('a loss that is no number at the start is not blamed on dt, nor a rise by rounding', () => {
    expect(() => simulate({ ...CONFIG, model: { ...MODEL, c: 1e300 } })).toThrow(
      /^training exploded before its first step \(loss Infinity\); smaller samples, particles or scales are needed$/,
    );
    expect(simulate({ ...CONFIG, flow: { steps: 4, dt: 1e-320 } }).warnings).toEqual([]);
  });

  test('a loss that begins at 0 may be raised by noise', () => {
    const layers = [1, 2].flatMap((l) => [
      ...(['a', 'b'] as const).map((part) => [`layer${l}/${part}`, { shape: [16, 3], values: new Float64Array(48) }]),
      [`layer${l}/bias`, { shape: [16], values: new Float64Array(16) }],
    ]) as [string, HostArray<Float64Array>][];
    const x = array(3, 3);
    const { summary } = simulate(
      { ...CONFIG, flow: { ...FLOW, kind: 'langevin', temperature: 0.1 } },
      { ...Object.fromEntries(layers), x, y: x },
    );
    expect((summary.losses as number[])[0]).toBe(0);
    expect(summary.loss).toBeGreaterThan(0);
  });
});

describe('bounds of a net with c < 0 are those with |c|', () => {
  const { train } = sineTask(1, 2, 8, 8);
  const run = (c: number): ReturnType<typeof runningGronwall> => {
    const net = initialNet(1, { depth: 2, m: 32, d: 2, alpha: 1, c }, { rho: 0 });
    if (c < 0) for (const { b } of net.layers) b.forEach((value, i) => (b[i] = -value));
    return runningGronwall(net, train, { m: 8, seed: 1, draw: 0 }, 4, 0.05);
  };
  test('each step, and the closed form, which dominates', () => {
    const [plus, minus] = [run(1), run(-1)];
    expect(minus.rows).toEqual(plus.rows);
    expect(closedForm(minus.constants, 0.2)).toEqual(closedForm(plus.constants, 0.2));
    const last = minus.rows.at(-1)!;
    expect(last.bound).toBeGreaterThanOrEqual(last.discrepancy);
    expect(closedForm(minus.constants, 0.2).logBound).toBeGreaterThan(Math.log(last.bound));
  });
  test('c = 0: nothing moves, and the bound is 0', () => {
    const wide = initialNet(1, { depth: 2, m: 32, d: 2, alpha: 1, c: 0 }, { rho: 0 });
    const thin = thinNet(wide, 8, 1, 0);
    expect(discrepancy(thin, wide, train.x)).toBe(0);
    const constants = uniformConstants(thin, wide, pickNet(wide, thinIndices(wide, 8, 1, 0)), train);
    expect(closedForm(constants, 1)).toEqual({ rate: 0, logBound: -Infinity });
  });
});

describe('studies', () => {
  const SETTINGS = {
    ...{ alpha: 1, c: 1, rho: 0, d: 2, train: 8, heldOut: 8, wide: 32, time: 0.5, imitationTime: 0.25, dt: 0.05 },
    draws: 1,
  };
  const SPEC = { ...SETTINGS, regime: 'skip', depth: 2 };
  const width = (change: object): unknown =>
    parseStudySpec(studyByName('width'), { study: 'width', widths: [4, 8], ...SPEC, ...change });

  test.each([
    ['a time of no step', { time: 1, dt: 50 }, /time: .*whole multiple of "dt", got 1 with dt 50/],
    [
      'a time between two steps',
      { imitationTime: 0.12 },
      /imitationTime: .*whole multiple of "dt", got 0.12 with dt 0.05/,
    ],
    ['c = 0', { c: 0 }, /c: .*expected another number than 0/],
    ['rho above 1', { rho: 1.5 }, /rho/],
    ['d above 1,024', { d: 1025 }, /1024/],
    ['m = M', { widths: [4, 32] }, /below "wide"/],
  ])('%s is refused', (_, change, message) => {
    expect(() => width(change)).toThrow(message);
  });

  test('times that fall or repeat, and values of rho and c that are none, are refused', () => {
    const time = (times: number[]): unknown =>
      parseStudySpec(studyByName('time'), { study: 'time', m: 4, ...SPEC, times });
    expect(() => time([0, 0.5, 0.2])).toThrow(/increasing "times"/);
    expect(() => time([0, 0.2, 0.2])).toThrow(/times: expected each value once, got 0.2 again/);
    expect(() => time([0, 0.23])).toThrow(/times: .*whole multiple of "dt", got 0.23/);
    const scale = (parameter: string, values: number[]): unknown =>
      parseStudySpec(studyByName('scale'), { study: 'scale', m: 4, depth: 2, ...SETTINGS, parameter, values });
    expect(() => scale('rho', [0.5, 2])).toThrow(/rho from 0 to 1/);
    expect(() => scale('c', [0, 1])).toThrow(/c other than 0/);
  });

  test('no skip and rho = 0 is warned of, at any value that is varied', () => {
    const cautions = (name: string, spec: object): string[] => {
      const study = studyByName(name);
      return study.cautions!(parseStudySpec(study, spec));
    };
    expect(cautions('width', { study: 'width', widths: [4, 8], ...SPEC, alpha: 0 })).toHaveLength(1);
    expect(cautions('width', { study: 'width', widths: [4, 8], ...SPEC })).toEqual([]);
    const scale = { study: 'scale', m: 4, depth: 2, ...SETTINGS, parameter: 'alpha', values: [0, 1] };
    expect(cautions('scale', scale)).toHaveLength(1);
  });

  test('c < 0 is run, and every bound holds', async () => {
    const study = studyByName('bounds');
    const rows = await study.run(
      parseStudySpec(study, { study: 'bounds', ...SETTINGS, regime: 'skip', c: -1, m: 4, depths: [1, 2] }),
      1,
      async () => {},
    );
    for (const row of rows) {
      expect(row.violations).toBe(0);
      expect(Number.isFinite(row.closed)).toBe(true);
    }
  });
});
