/**
 * An experiment of your own: which arms are trained, for how long at which scale, and by what they are compared. Once
 * it is registered, `gowide train own-stripes`, `gowide plan`, sweeps and the report know it.
 */
import { registerExperiment, TRAIN_KIND } from '../experiments/index.js';
import type { Experiment, TrainSpec } from '../src/index.js';

/** Steps at each scale; a scale that is not named cannot be run. */
const STEPS = { minutes: 100, laptop: 1000 } as const;

const mlp = (width: number): TrainSpec['network'] => ({
  family: 'mlp',
  numLayers: 3,
  width,
  skip: false,
  activation: 'tanh',
  classes: 2,
  inputs: 36,
});
const recipe = (steps: number): Omit<TrainSpec['training'], 'objective'> => ({
  steps,
  batch: 16,
  schedule: { kind: 'cosine', peak: 0.1, warmup: Math.round(steps / 10) },
  optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 1e-4 },
});
const labels = { labels: 1, teacher: 0, hints: 0, temperature: 1, labelSmoothing: 0 };

/** The wide net, the thin net by labels alone, and the thin net that is distilled; all with equally many steps. */
export const ownExperiment: Experiment = {
  name: 'own-stripes',
  group: 'own-stripes',
  title: 'Stripes: does a thin net learn them better from a wide one?',
  kind: TRAIN_KIND,
  seeds: { minutes: 3, laptop: 5 },
  arms: (scale) => {
    const steps = STEPS[scale as keyof typeof STEPS];
    const data = { set: 'own-stripes', train: 64, noise: 0.5 };
    const base = { data, teacher: null, start: 'random', imitation: null };
    const teacher = { network: mlp(32), recipe: recipe(steps), objective: labels };
    const training = { ...recipe(steps), objective: labels };
    const distilled = { ...recipe(steps), objective: { ...labels, labels: 0, teacher: 1 } };
    return {
      wide: { spec: { ...base, network: mlp(32), training }, learnsFrom: 'labels', reference: true },
      direct: { spec: { ...base, network: mlp(4), training }, learnsFrom: 'labels' },
      kd: { spec: { ...base, network: mlp(4), teacher, training: distilled }, learnsFrom: 'outputs' },
    };
  },
  metric: {
    key: 'testAccuracy',
    label: 'test accuracy',
    short: 'test',
    unit: '%',
    differenceUnit: 'points',
    better: 'higher',
    digits: 1,
    proportion: true,
  },
  chance: 50,
  baseline: 'direct',
};

/** Call it beside `registerOwnStripes`, before a command looks for the experiment. */
export function registerOwnExperiment(): void {
  registerExperiment(ownExperiment);
}
