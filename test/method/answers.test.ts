/** Networks with other numbers of answers than the data have: larger heads are evaluated, too, smaller ones refused. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { memorySource } from '../../src/data/images.js';
import { openData } from '../../src/data/index.js';
import { asAnswered } from '../../src/method/matching/answers.js';
import { trainExecutor } from '../../src/method/run/execute.js';
import { TRAIN_KIND } from '../../src/method/run/required.js';
import type { TrainSpec } from '../../src/method/spec/spec.js';
import { threeStage } from '../../src/method/three-stage/call.js';
import { bert, type BertSpec } from '../../src/models/families/bert/network.js';
import { networkOf } from '../../src/models/index.js';
import { environment } from '../../src/store/environment.js';
import { executeRun } from '../../src/store/execute.js';
import type { RunRecord } from '../../src/store/runs.js';
import { anyEngine } from '../support/engines.js';
import { cell, DATA, DIRECT, IMITATION, LABELS, MLP, recipe, TEACHER } from './support.js';

beforeAll(anyEngine);

const run = (spec: TrainSpec): Promise<RunRecord> =>
  executeRun(cell(spec), {
    out: mkdtempSync(join(tmpdir(), 'gowide-answers-')),
    environment: environment(null, 'test'),
    executors: { [TRAIN_KIND]: trainExecutor },
    signal: new AbortController().signal,
    progress: () => {},
  });
const WIDE = { ...MLP, numLayers: 2, classes: 12 };
const twoSteps = { ...recipe(2) };

test('a head with more classes than the data is trained to its end, and evaluated', async () => {
  const direct = await run({ ...DIRECT, network: WIDE, training: { ...twoSteps, objective: LABELS } });
  expect(direct.status).toBe('finished');
  expect(direct.result!.testCrossEntropy).toBeGreaterThan(0);
  const three = await run({
    ...DIRECT,
    network: WIDE,
    teacher: { network: { ...WIDE, width: 6 }, recipe: twoSteps, objective: LABELS },
    imitation: { ...IMITATION, maps: 'up', recipe: twoSteps },
    training: { ...twoSteps, objective: TEACHER },
  });
  expect(three.status).toBe('finished');
});

test('by threeStage, too; what cannot work is said before the wide net is trained', async () => {
  const data = await openData(DATA);
  const stages = (classes: number, thin = classes): ReturnType<typeof threeStage> =>
    threeStage({
      wide: networkOf({ ...WIDE, classes }),
      thin: networkOf({ ...WIDE, classes: thin }),
      data,
      wideTraining: twoSteps,
      imitation: null,
      finetune: { ...twoSteps, objective: { labels: 1 } },
      onRow: ({ stage }) => seen.push(String(stage)),
    });
  const seen: string[] = [];
  expect((await stages(12)).accuracy.thin).toBeGreaterThanOrEqual(0);
  seen.length = 0;
  await expect(stages(8)).rejects.toThrow('the data have 10 classes, the network only 8');
  await expect(stages(12, 11)).rejects.toThrow('the wide net has another number of classes, 12; the thin one has 11');
  expect(seen).toEqual([]);
});

test('a masked-LM head counts the vocabulary, one for spans the tokens of an example', () => {
  const spec: BertSpec = {
    ...{ family: 'bert', vocabSize: 30, maxPositions: 20, typeVocabSize: 2, hiddenSize: 4, numLayers: 1, numHeads: 1 },
    ...{ intermediateSize: 4, dropout: 0, head: { kind: 'span' } },
  };
  const none = { count: 0, batch: () => ({ values: new Int32Array(0), labels: new Int32Array(0) }) };
  const data = { shape: [3, 16], classes: 16, questions: 2, train: none, validation: none, test: none };
  expect(asAnswered(data, bert(spec)).classes).toBe(16);
  const masked = { ...data, classes: 28 };
  expect(asAnswered(masked, bert({ ...spec, head: { kind: 'masked-lm' } })).classes).toBe(30);
});

test('labels above 255 are kept, and there are as many as images', () => {
  const source = memorySource({
    images: new Float32Array(3),
    labels: Int32Array.of(255, 256, 70_000),
    ...{ height: 1, width: 1, channels: 1 },
  });
  expect([...(source.batch(Uint32Array.of(2, 1, 0)) as { labels: Int32Array }).labels]).toEqual([70_000, 256, 255]);
  expect(() =>
    memorySource({ images: new Float32Array(3), labels: Uint8Array.of(1), height: 1, width: 1, channels: 1 }),
  ).toThrow('images: 1 labels; 3 values are expected to be as many images of 1 x 1 x 1');
});
