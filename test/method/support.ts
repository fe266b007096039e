/** Small specs and an in-memory context for tests of the method. */
import type { Cell, Row } from '../../src/core/run.js';
import type { GradientImitation, RecipeSpec, TrainSpec } from '../../src/method/spec/spec.js';
import type { StageContext } from '../../src/method/training/stages.js';
import { TRAIN_KIND } from '../../src/method/run/required.js';
import type { ConvnetSpec } from '../../src/models/families/plain/convnet.js';
import type { MlpSpec } from '../../src/models/families/plain/mlp.js';
import type { ResnetSpec } from '../../src/models/families/resnet/network.js';

export const THIN: ResnetSpec = {
  family: 'resnet',
  block: 'bottleneck',
  blocks: [1, 1],
  planes: 1,
  mid: 1,
  stem: { kind: 'small', channels: 4 },
  skip: true,
  classes: 10,
  channels: 1,
};

export const MLP: MlpSpec = {
  family: 'mlp',
  numLayers: 4,
  width: 4,
  skip: false,
  activation: 'tanh',
  classes: 10,
  inputs: 196,
};
export const CONVNET: ConvnetSpec = {
  family: 'convnet',
  numLayers: 3,
  width: 3,
  skip: false,
  activation: 'relu',
  classes: 10,
  channels: 1,
};

export const LABELS = { labels: 1, teacher: 0, hints: 0, temperature: 1, labelSmoothing: 0 };
export const TEACHER = { ...LABELS, labels: 0, teacher: 1 };

export function recipe(steps: number, peak = 0.05): RecipeSpec {
  return {
    steps,
    batch: 8,
    schedule: { kind: 'cosine', peak, warmup: Math.min(2, steps) },
    optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 1e-4 },
  };
}

export const IMITATION: GradientImitation = {
  by: 'gradient',
  unit: 'stage',
  size: 1,
  order: 'bottom-up',
  inputs: 'own',
  loss: 'relative-mse',
  maps: 'none',
  recipe: { ...recipe(15, 0.5), schedule: { kind: 'cosine', peak: 0.5, warmup: 0 } },
};

export const DATA = {
  set: 'digits',
  train: 64,
  augment: { rotation: 10, shift: 0.1, logScale: 0.1, noise: 0.1 },
} as const;

export const THREE: TrainSpec = {
  data: DATA,
  network: THIN,
  teacher: { network: { ...THIN, mid: 3 }, recipe: recipe(20), objective: LABELS },
  start: 'shared',
  imitation: IMITATION,
  training: { ...recipe(12), objective: TEACHER },
};

export const DIRECT: TrainSpec = {
  data: DATA,
  network: THIN,
  teacher: null,
  start: 'random',
  imitation: null,
  training: { ...recipe(12), objective: LABELS },
};

export const cell = (spec: unknown, seed = 1): Cell => ({
  experiment: 'test',
  arm: 'x',
  scale: 'custom',
  kind: TRAIN_KIND,
  spec: spec as Cell['spec'],
  seed,
});

/** A context that keeps the rows and nothing else. */
export function memory(seed = 1): StageContext & { readonly rows: Row[] } {
  const rows: Row[] = [];
  return {
    seed,
    rows,
    resumed: undefined,
    log: (row) => void rows.push(row),
    progress: () => {},
    shouldSave: () => false,
    save: () => {},
  };
}
