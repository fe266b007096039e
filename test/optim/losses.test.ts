import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test as anywhere } from 'vitest';
import { tf, type Scalar } from '../../src/engine/tensor.js';
import { parseTrainSpec } from '../../src/method/run/check-spec.js';
import { trainExecutor } from '../../src/method/run/execute.js';
import { TRAIN_KIND } from '../../src/method/run/required.js';
import {
  crossEntropy,
  IMITATION_LOSSES,
  ImitationLossName,
  klDivergence,
  logSoftmax,
  isRelative,
  registerImitationLoss,
  relativeSquaredError,
  squaredError,
} from '../../src/optim/losses.js';
import { environment } from '../../src/store/environment.js';
import { executeRun } from '../../src/store/execute.js';
import { readMetrics } from '../../src/store/runs.js';
import { cell, IMITATION, LABELS, THREE } from '../method/support.js';
import { enginesUnderTest } from '../support/engines.js';

const engines = await enginesUnderTest();

describe.each(engines)('on $name', ({ name, missing }) => {
  const test = anywhere.skipIf(missing !== undefined);
  beforeAll(async () => {
    if (missing === undefined) await tf.setBackend(name);
  });

  test('losses at their ends', async () => {
    const z = tf.tensor2d([[1, 2, 3]]);
    expect((await klDivergence(z, z).data())[0]).toBeCloseTo(0, 6);
    expect((await relativeSquaredError(z, z).data())[0]).toBe(0);
    expect((await relativeSquaredError(tf.zerosLike(z), z).data())[0]).toBeCloseTo(1, 6);
    expect((await crossEntropy(tf.zeros([1, 3]), tf.tensor2d([[0, 1, 0]])).data())[0]).toBeCloseTo(Math.log(3), 6);
    expect((await crossEntropy(z, tf.tensor2d([[0, 0, 1]]), 0.3).data())[0]).toBeCloseTo(
      0.7 * 0.407606 + 0.1 * (2.407606 + 1.407606 + 0.407606),
      5,
    );
    // targets that are broadcast, also where they are as many as there are rows, and integers
    const [rows, target] = [tf.zeros([3, 1, 3]), tf.tensor2d([[0, 1, 0]])];
    for (const t of [target, tf.cast(target, 'int32')])
      expect((await crossEntropy(rows, t).data())[0]).toBeCloseTo(Math.log(3), 6);
    // T^2 KL at T = 2 of [1, 2, 3] to [0, 0, 0]
    const soft = [1, 2, 3].map((value) => Math.exp(value / 2) / (Math.exp(0.5) + Math.exp(1) + Math.exp(1.5)));
    expect((await klDivergence(tf.zeros([1, 3]), z, 2).data())[0]).toBeCloseTo(
      4 * soft.reduce((sum, p) => sum + p * Math.log(3 * p), 0),
      5,
    );
    expect((await squaredError(tf.zerosLike(z), z).data())[0]).toBeCloseTo(14 / 3, 5);
    const large = await logSoftmax(tf.tensor2d([[1000, 0]])).data();
    expect([...large]).toEqual([0, -1000]);
  });
});

describe('a loss that is registered', () => {
  // 7 whatever the outputs are, with a gradient of 0: what a run logs shows whether it was used
  const seven = (thin: { sum(): unknown }): Scalar => tf.add(tf.mul(thin.sum() as Scalar, 0), 7);
  const imitation = { ...IMITATION, loss: 'seven' };
  const hints = { unit: 'stage', size: 1, loss: 'seven' };
  const spec = {
    ...THREE,
    imitation,
    training: { ...THREE.training, hints, objective: { ...LABELS, labels: 1e-7, hints: 3 } },
  };

  beforeAll(async () => {
    expect(() => parseTrainSpec(spec)).toThrow(
      `imitation.loss: unknown imitation loss "seven"; expected one of: ${Object.keys(IMITATION_LOSSES).join(', ')}`,
    );
    registerImitationLoss('seven', seven);
    await tf.setBackend(engines.find(({ missing }) => missing === undefined)!.name);
  });

  anywhere('is found by the validation of specs, for imitation and for hints', () => {
    expect(parseTrainSpec(spec)).toMatchObject({
      imitation: { loss: 'seven' },
      training: { hints: { loss: 'seven' } },
    });
    const misspelt = { ...spec, training: { ...spec.training, hints: { ...hints, loss: 'sevn' } } };
    expect(() => parseTrainSpec(misspelt)).toThrow(/training.hints.loss: .*Did you mean "seven"\?/);
  });

  anywhere('is what imitation and hints minimize', async () => {
    const run = await executeRun(cell(spec), {
      out: mkdtempSync(join(tmpdir(), 'gowide-losses-')),
      environment: environment(null, 'test'),
      executors: { [TRAIN_KIND]: trainExecutor },
      signal: new AbortController().signal,
      progress: () => {},
    });
    const losses = readMetrics(run).filter(({ stage }) => stage !== undefined);
    const of = (name: string): unknown[] => losses.filter(({ stage }) => stage === name).map(({ loss }) => loss);
    for (const tap of ['stage1', 'stage2']) expect(new Set(of(`imitate ${tap}`))).toEqual(new Set([7]));
    for (const loss of of('fine-tune')) expect(loss).toBeCloseTo(3 * 7, 5);
  });

  anywhere('has its name for itself', () => {
    expect(() => registerImitationLoss('mse', seven)).toThrow('the imitation loss "mse" is registered already');
    registerImitationLoss('ratio', seven, { isRelative: true });
    expect(['relative-mse', 'mse', 'kl', 'seven', 'ratio'].map(isRelative)).toEqual([true, false, false, false, true]);
    expect(IMITATION_LOSSES.mse).toBe(squaredError);
    expect(ImitationLossName.safeParse('no-such-loss').success).toBe(false);
  });
});
