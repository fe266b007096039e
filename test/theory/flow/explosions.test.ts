/** When a training counts as exploded, at its last step, too, and when it only begins near its fit. */
import { describe, expect, test } from 'vitest';
import type { HostArrays } from '../../../src/core/host-array.js';
import { flowResult, trainDirect, trainSgd, type FlowResult } from '../../../theory/flow/direct.js';
import { imitate } from '../../../theory/flow/imitation.js';
import { INTEGRATORS } from '../../../theory/flow/integrators.js';
import { particleNoise, trainLangevin } from '../../../theory/flow/langevin.js';
import { trainMomentum } from '../../../theory/flow/momentum.js';
import { trainResidual, residualNet } from '../../../theory/flow/residual.js';
import { responsesOf } from '../../../theory/limit/fluctuation.js';
import { copyNet, initialNet, thinNet } from '../../../theory/model/particles.js';
import { sineTask, type Samples } from '../../../theory/model/task.js';
import { lossOf, lossScale, output } from '../../../theory/network/network.js';
import { simulate } from '../../../theory/simulate/simulate.js';
import { smallNet } from '../support.js';

const { train, heldOut } = sineTask(1, 3, 16, 8);
const MODEL = { depth: 3, d: 4, width: 16 };
const MOVES = smallNet();

/** Every way to train a net, by steps of a length. */
const TRAININGS: Readonly<Record<string, (steps: number, dt: number, samples?: Samples) => FlowResult>> = {
  euler: (steps, dt, samples = train) => trainDirect(copyNet(MOVES), samples, { steps, dt }),
  rk4: (steps, dt, samples = train) => trainDirect(copyNet(MOVES), samples, { steps, dt, method: INTEGRATORS.rk4 }),
  sgd: (steps, dt, samples = train) => trainSgd(copyNet(MOVES), samples, { steps, dt, batch: 4, seed: 1 }),
  langevin: (steps, dt, samples = train) =>
    trainLangevin(copyNet(MOVES), samples, { steps, dt, temperature: 0.01, noise: particleNoise(MOVES, 1) }),
  momentum: (steps, dt, samples = train) => trainMomentum(copyNet(MOVES), samples, { steps, dt, friction: 0 }),
  'imitation of its own inputs': (steps, dt) =>
    imitate(thinNet(MOVES, 2, 1, 0), MOVES, train.x, { steps, dt, inputs: 'thin' })[0]!,
  'a residual net': (steps, dt) =>
    trainResidual(residualNet(1, { D: 3, M: 8, L: 2, inputs: 3, outputs: 3 }), train.x, train.y, dt, steps),
};

describe.each(Object.entries(TRAININGS))('%s', (_, run) => {
  test('has a loss before each step, and one after the last', () => {
    for (const steps of [0, 1, 3]) {
      const { losses, exploded } = run(steps, 1e-3);
      expect([losses.length, exploded]).toEqual([steps + 1, undefined]);
    }
  });

  test('that explodes on its only step is marked, whether the loss is finite or not', () => {
    for (const dt of [1e7, 1e200]) {
      const { exploded, losses } = run(1, dt);
      expect([exploded, losses.length]).toEqual([1, 2]);
    }
  });
});

test('the last loss of every training is that of all samples', () => {
  for (const [train_, net] of [
    [(one: typeof MOVES) => trainSgd(one, train, { steps: 3, dt: 0.1, batch: 4, seed: 1 }), copyNet(MOVES)],
    [(one: typeof MOVES) => trainMomentum(one, train, { steps: 3, dt: 0.1, friction: 1 }), copyNet(MOVES)],
  ] as const)
    expect(train_(net).losses.at(-1)).toBe(lossOf(net, train));
});

describe('simulate', () => {
  test.each<[string, object]>([
    ['momentum', { kind: 'momentum', friction: 0, steps: 1, dt: 1e200 }],
    ['momentum on batches', { kind: 'momentum', friction: 0, steps: 1, dt: 1e8, batch: 8 }],
    ['langevin', { kind: 'langevin', temperature: 1, steps: 1, dt: 1e9 }],
    ['sgd', { steps: 1, dt: 1e6, batch: 16 }],
    ['gradient', { steps: 1, dt: 1e9 }],
  ])('%s that explodes on its only step is refused by name', (_, flow) => {
    expect(() => simulate({ model: { ...MODEL, width: 64 }, flow })).toThrow(
      /^training exploded at step 1 \(loss .*\); a smaller dt than/,
    );
  });

  test('says of batches the loss of the last one, and not of all samples', () => {
    const config = { model: MODEL, data: { train: 8, heldOut: 8 } };
    const { summary } = simulate({ ...config, flow: { steps: 1, dt: 0.1, batch: 4 } });
    const [first] = trainSgd(
      initialNet(1, { ...MODEL, m: 16, alpha: 1, c: 1 }, { rho: 0 }),
      sineTask(1, 4, 8, 8).train,
      {
        ...{ steps: 1, dt: 0.1, batch: 4, seed: 1 },
      },
    ).losses;
    expect(summary.lastBatchLoss).toBe(first);
    expect(summary.loss).not.toBe(first);
  });

  test('a result that left float64 is none', () => {
    // the loss of the samples is small, that of points far away is not a number of float64
    const far = { shape: [1, 4], values: new Float64Array(4).fill(1e200) };
    const config = { model: MODEL, flow: { steps: 1, dt: 0.1 } };
    expect(() => simulate(config, { 'heldOut/x': far, 'heldOut/y': far })).not.toThrow();
    const y = { ...far, values: far.values.map((value) => -value) };
    expect(() => simulate(config, { 'heldOut/x': far, 'heldOut/y': y })).toThrow(
      /^simulate: "heldOutLoss" leaves float64; a smaller dt/,
    );
    expect(() => simulate({ ...config, thin: { m: 4 } }, { 'heldOut/x': far })).toThrow(/"thin.relative" leaves/);
  });

  test('a share of an output of 0 is undefined, and the reader is told why', () => {
    const { summary, warnings } = simulate({
      ...{ model: { ...MODEL, alpha: 0, c: 0, law: { rho: 0.5 } }, flow: { steps: 2, dt: 0.1 }, thin: { m: 4 } },
      halving: true,
    });
    expect((summary.thin as { relative?: number }).relative).toBeUndefined();
    expect(summary.halvingShare).toBeUndefined();
    for (const name of ['thin.relative', 'halvingShare'])
      expect(warnings.join('\n')).toContain(`"${name}" is undefined: the trained net's output is 0`);
  });
});

test('the limit sees an explosion of the wide net on its last step', () => {
  const course = { train, points: heldOut.x };
  for (const flow of [
    { steps: 1, dt: 1e7 },
    { steps: 1, dt: 1e7, batches: { batch: 4, seed: 1 } },
  ]) {
    expect(() => responsesOf(MOVES, [], { ...course, flow })).toThrow(/^limit: the wide net exploded at step 1;/);
    const imitation = { steps: 1, dt: 0.1, inputs: 'wide' } as const;
    expect(() => responsesOf(MOVES, [], { ...course, flow, imitation })).toThrow(/wide net exploded at step 1;/);
  }
});

describe('a net that begins at its fit', () => {
  /** The targets are the net's own outputs: the loss begins at 0. */
  const fitted = { ...train, y: output(MOVES, train.x) };

  test.each([...['euler', 'rk4', 'sgd', 'langevin', 'momentum']])('has not exploded where it moves on: %s', (name) => {
    const { losses, exploded } = TRAININGS[name]!(20, 0.05, fitted);
    expect(losses[0]).toBeLessThan(1e-28);
    expect(exploded).toBeUndefined();
  });

  test('of one batch alone has not exploded where the others are not fitted', () => {
    // the samples of the first batch are the net's outputs, the others are not
    const [first] = [trainSgd(copyNet(MOVES), fitted, { steps: 1, dt: 1e-9, batch: 4, seed: 1 })];
    expect(first.exploded).toBeUndefined();
    const y = fitted.y.map((value, i) => value + (i < 3 ? 1 : 0));
    expect(trainSgd(copyNet(MOVES), { ...fitted, y }, { steps: 8, dt: 0.01, batch: 1, seed: 1 }).exploded).toBe(
      undefined,
    );
  });

  test('explodes all the same, measured by the data', () => {
    const nudged = { ...fitted, y: fitted.y.map((value) => value + 1e-9) };
    expect(TRAININGS.euler!(200, 1e3, nudged).exploded).toBeGreaterThan(0);
  });

  test('and whose targets are 0 is measured by its inputs, and noise does not count as an explosion', () => {
    const zeros = (length: number): Float64Array => new Float64Array(length);
    const layer = { a: { shape: [16, 4], values: zeros(64) }, b: { shape: [16, 4], values: zeros(64) } };
    const arrays: HostArrays<Float64Array> = {
      ...{ 'layer1/a': layer.a, 'layer1/b': layer.b, 'layer1/bias': { shape: [16], values: zeros(16) } },
      ...{ x: { shape: [8, 4], values: zeros(32).fill(0.5) }, y: { shape: [8, 4], values: zeros(32) } },
    };
    const model = { depth: 1, d: 4, width: 16, alpha: 0 };
    // the first step leaves 1e-16 of loss behind, and the last ones more than 1e6 times as much
    const flow = { kind: 'langevin', temperature: 1e-4, steps: 400, dt: 0.1 };
    const { losses } = simulate({ model, flow }, arrays).summary as { losses: number[] };
    expect(losses.at(-1)! / losses[1]!).toBeGreaterThan(100);
  });
});

test('the unit of losses: half the mean square of the targets, of the inputs where those are 0, and log K', () => {
  const samples = { n: 2, x: Float64Array.of(2, 0, 0, 0), y: Float64Array.of(3, 0, 0, 1) };
  expect(lossScale(samples).unit).toBe(10 / 4);
  expect(lossScale({ ...samples, y: new Float64Array(4) }).unit).toBe(1);
  expect(lossScale({ ...samples, y: Float64Array.of(1, 0, 0, 1), loss: 'cross-entropy' }).unit).toBe(Math.log(2));
  expect(() => lossScale({ ...samples, loss: 'hinge' as 'squared' })).toThrow(RangeError);
});

describe('rises of the loss', () => {
  const scale = lossScale({ n: 1, x: Float64Array.of(1), y: Float64Array.of(1) });

  test('are those that rounding does not explain: of the loss, or of the outputs where the loss is nearly 0', () => {
    expect(flowResult([1, 1 + 1e-15, 1 + 1e-9, 1, 0], scale).increases).toBe(1);
    // an error of 1e-16 in an output of size 1 moves a loss of 5e-21 by 1e-26, and one of 0 to 5e-33
    expect(flowResult([5e-21, 5e-21 + 1e-26, 0, 5e-33, 1e-30], scale).increases).toBe(0);
    expect(flowResult([5e-21, 5.1e-21], scale).increases).toBe(1);
    expect(flowResult([1e-30, 1e-25], scale).increases).toBe(1);
  });

  test('are none at convergence', () => {
    const { summary, warnings } = simulate({
      ...{ model: { depth: 1, d: 2, width: 32 }, flow: { steps: 4000, dt: 0.1 }, data: { train: 2, heldOut: 1 } },
    });
    const { losses, lossIncreases } = summary as { losses: number[]; lossIncreases: number };
    expect(losses.at(-1)).toBeLessThan(1e-28);
    // rounding makes the loss rise and fall
    expect(losses.some((loss, i) => i > 0 && loss > losses[i - 1]! * (1 + 1e-9))).toBe(true);
    expect([lossIncreases, warnings]).toEqual([0, []]);
  });
});
