import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { resnetDigits } from '../../experiments/resnet.js';
import type { Cell } from '../../src/core/run.js';
import { tf } from '../../src/engine/tensor.js';
import { ownSteps, type DirectSpec, type ThreeStageSpec } from '../../src/method/spec.js';
import { parseTrainSpec, stepFlops, TRAIN_KIND, trainExecutor, wideCell } from '../../src/method/train.js';
import { environment } from '../../src/store/environment.js';
import { executeRun, type ExecuteOptions } from '../../src/store/execute.js';
import { folderOf, readArrays, readMetrics } from '../../src/store/runs.js';
import { anyEngine } from '../support/engines.js';
import { relativeError } from '../support/tolerance.js';

const RECIPE = { steps: 12, batch: 8, schedule: { peak: 0.05, warmup: 2 }, sgd: { momentum: 0.9, weightDecay: 1e-4 } };
const DATA = { set: 'digits', train: 64, augment: { rotation: 10, shift: 0.1, logScale: 0.1, noise: 0.1 } } as const;
const THIN = { family: 'resnet', blocks: [1, 1], planes: 1, mid: 1, stem: 4, classes: 10, channels: 1 } as const;
const THREE: ThreeStageSpec = {
  method: 'three-stage',
  data: DATA,
  model: { ...THIN, blocks: [1, 1] },
  wide: { model: { ...THIN, blocks: [1, 1], mid: 3 }, recipe: { ...RECIPE, steps: 20 } },
  imitation: { ...RECIPE, steps: 15, schedule: { peak: 0.5, warmup: 0 }, inputs: 'own' },
  finetune: { ...RECIPE, loss: 'kl' },
};

const cell = (spec: unknown, seed = 1): Cell => ({ experiment: 'test', arm: 'x', scale: 'custom', kind: TRAIN_KIND, spec: spec as Cell['spec'], seed });

function options(out: string, extra: Partial<ExecuteOptions> = {}): ExecuteOptions {
  return { out, environment: environment(null, 'test'), executors: { [TRAIN_KIND]: trainExecutor }, signal: new AbortController().signal, progress: () => {}, ...extra };
}

const newFolder = (): string => mkdtempSync(join(tmpdir(), 'gowide-train-'));
const bytes = (folder: string): string[] => ['metrics.jsonl', 'final.safetensors'].map((name) => readFileSync(join(folder, name)).toString('base64'));

describe('three stages', () => {
  beforeAll(anyEngine);

  test('imitation brings each stage nearer to the wide net, and leaves no tensors behind', async () => {
    const out = newFolder();
    const before = tf.memory().numTensors;
    const run = await executeRun(cell(THREE), options(out));
    expect(tf.memory().numTensors).toBe(before);
    const rows = readMetrics(run);
    const losses = (stage: string): number[] => rows.filter((row) => row.stage === stage).map((row) => Number(row.loss));
    for (const stage of ['imitate stage1', 'imitate stage2']) {
      expect(losses(stage)).toHaveLength(15);
      expect(losses(stage).at(-1)!).toBeLessThan(losses(stage)[0]! * 0.9);
    }
    expect(rows.filter((row) => row.event === 'discrepancy').map((row) => `${row.when} ${row.tap}`)).toEqual(
      ['imitation', 'end'].flatMap((when) => ['stem', 'stage1', 'stage2', 'logits'].map((tap) => `${when} ${tap}`)),
    );
    expect(run.result).toMatchObject({ steps: 2 * 15 + 12 });
    const wide = await executeRun(wideCell(cell(THREE), THREE), options(out));
    expect(Object.keys(readArrays(wide))).toEqual(Object.keys(readArrays(run)));
  });

  test('stem and head are the wide net’s, and imitation leaves them alone', async () => {
    const out = newFolder();
    const barely = { ...THREE, finetune: { ...THREE.finetune, steps: 1, schedule: { peak: 1e-12, warmup: 0 } } };
    const thin = readArrays(await executeRun(cell(barely), options(out)));
    const wide = readArrays(await executeRun(wideCell(cell(barely), barely), options(out)));
    const shared = Object.keys(thin).filter((path) => /^params\/(stem|head)\//.test(path));
    expect(shared).toHaveLength(3 + 2);
    for (const path of shared) expect(relativeError(thin[path]!.values, wide[path]!.values)).toBeLessThan(1e-7);
    expect(thin['params/stage1/block1/conv2/kernel']!.shape).not.toEqual(wide['params/stage1/block1/conv2/kernel']!.shape);
  });

  test.each(['wide', 'own'] as const)('with the %s net’s inputs, and without imitation, runs to its end', async (inputs) => {
    const out = newFolder();
    const withInputs = await executeRun(cell({ ...THREE, imitation: { ...THREE.imitation!, inputs } }), options(out));
    expect(withInputs.result).toHaveProperty('testAccuracy');
    const control = await executeRun(cell({ ...THREE, imitation: null }), options(out));
    expect(control.result).toMatchObject({ steps: 12 });
  });

  test('stopped again and again, it ends with the same bits as in one go', { timeout: 300_000 }, async () => {
    const whole = newFolder();
    const parts = newFolder();
    const expected = bytes((await executeRun(cell(THREE), options(whole))).folder);
    let stops = 0;
    for (const limit of [5, 17, 9, 14, 3, 11]) {
      const controller = new AbortController();
      let steps = 0;
      const progress = (): void => {
        if (++steps === limit) controller.abort();
      };
      const stopped = await executeRun(cell(THREE), options(parts, { signal: controller.signal, progress })).then(
        () => false,
        (error: Error) => error.name === 'InterruptedError',
      );
      if (stopped) stops++;
    }
    expect(stops).toBe(6);
    await executeRun(cell(THREE), options(parts));
    expect(bytes(folderOf(parts, cell(THREE)))).toEqual(expected);
    expect(bytes(folderOf(parts, wideCell(cell(THREE), THREE)))).toEqual(bytes(folderOf(whole, wideCell(cell(THREE), THREE))));
  });

  test('a learning rate that is far too high stops the run and names the step', async () => {
    const spec: DirectSpec = { method: 'direct', data: DATA, model: { ...THIN, blocks: [1, 1] }, recipe: { ...RECIPE, steps: 60, schedule: { peak: 1e18, warmup: 0 } } };
    await expect(executeRun(cell(spec), options(newFolder()))).rejects.toThrow(/loss is (NaN|Infinity|-Infinity) at stage train, step \d+; the run is stopped/);
  });
});

describe('specs', () => {
  test('unknown keys, wrong values and pairs that do not fit are named', () => {
    expect(() => parseTrainSpec({ ...THREE, extra: 1 })).toThrow(/invalid training spec: .*extra/);
    expect(() => parseTrainSpec({ ...THREE, finetune: { ...THREE.finetune, steps: 0 } })).toThrow(/finetune.steps/);
    expect(() => parseTrainSpec({ method: 'one-stage' })).toThrow(/invalid training spec/);
    expect(() => parseTrainSpec({ ...THREE, wide: { ...THREE.wide, model: { ...THIN, planes: 2 } } })).toThrow(
      'wide.model may differ from model in "mid" only, it differs in planes',
    );
  });

  test.each(['minutes', 'laptop', 'gpu'] as const)('at scale %s the thin arms have equal budgets, and every spec is valid JSON', (scale) => {
    const arms = resnetDigits.arms(scale);
    const specs = Object.fromEntries(Object.entries(arms).map(([arm, spec]) => [arm, parseTrainSpec(spec)]));
    expect(JSON.parse(JSON.stringify(arms))).toEqual(arms);
    const [direct, three, control] = [specs.direct!, specs['three-stage']!, specs['no-imitation']!];
    expect(ownSteps(three)).toBe(ownSteps(direct));
    expect(ownSteps(control)).toBe(ownSteps(direct));
    expect(three.model).toEqual(direct.model);
    expect(stepFlops(three)).toBe(stepFlops(specs.wide!));
    expect(wideCell(cell(three), three as ThreeStageSpec).spec).toEqual(specs.wide);
  });
});
