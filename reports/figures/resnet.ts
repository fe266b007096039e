/** Figures of the experiments on images. */
import type { TopLevelSpec } from 'vega-lite';
import { numberAt, runIds } from '../data/tables.js';
import { CONFIG } from './theme.js';
import {
  armsFigure,
  differenceFigure,
  FROM_LABELS,
  FROM_LAYERS,
  FROM_OUTPUTS,
  REFERENCE,
  tradeFigure,
  type ArmsFigure,
} from './arms.js';
import { curvesFigure } from './curves.js';
import { summarize, type Draw } from './figure.js';
import { bridgeFigure, layersFigure } from './layers.js';

const DEPTH_ARMS: Readonly<Record<string, { label: string; color: string }>> = {
  direct: { label: 'direct', color: FROM_LABELS },
  kd: { label: 'KD', color: '#E69F00' },
  'selected-kl': { label: 'selected + KL', color: FROM_OUTPUTS },
  imitation: { label: 'imitation by gradient, then KL', color: FROM_LAYERS },
  'closed-form': { label: 'closed-form imitation, then KL', color: '#56B4E9' },
  wide: { label: 'wide net', color: REFERENCE },
};
const KINDS: Readonly<Record<string, string>> = { plain: 'without skip connections', skip: 'with skip connections' };

/** Test accuracy against depth, without and with skip connections. */
export const depthSkipFigure: Draw = ({ results, scale }) => {
  const mine = results.filter((row) => row.experiment === 'depth-skip');
  if (mine.length === 0) return undefined;
  const points = mine.map((row) => {
    const [depth, kind, arm] = row.arm.split(' ') as [string, string, string];
    return { x: Number(depth), y: numberAt(row, 'testAccuracy'), series: DEPTH_ARMS[arm]!.label, facet: KINDS[kind]! };
  });
  const summary = summarize(points, 'linear');
  const labels = Object.values(DEPTH_ARMS);
  const color = {
    field: 'series',
    type: 'nominal',
    scale: { domain: labels.map(({ label }) => label), range: labels.map((arm) => arm.color) },
    title: null,
    legend: { columns: 3 },
  };
  const x = {
    field: 'x',
    type: 'quantitative',
    scale: { type: 'log', base: 2, nice: false, padding: 12 },
    title: 'layers',
    axis: { values: [...new Set(points.map((point) => point.x))], grid: false },
  };
  const y = (field: string): object => ({
    field,
    type: 'quantitative',
    scale: { zero: false },
    title: 'test accuracy, %',
  });
  const spec = {
    config: CONFIG,
    data: { values: summary },
    facet: { column: { field: 'facet', type: 'nominal', sort: Object.values(KINDS), title: null } },
    spec: {
      width: 340,
      height: 260,
      encoding: { x, color },
      layer: [
        { mark: { type: 'line', point: { size: 36 } }, encoding: { y: y('mean') } },
        { mark: { type: 'rule', strokeWidth: 2, opacity: 0.5 }, encoding: { y: y('low'), y2: { field: 'high' } } },
      ],
    },
  } as unknown as TopLevelSpec;
  return {
    id: 'depth-skip',
    title: 'Where imitation itself pays: depth and skip connections',
    alt: 'Test accuracy of fully connected tanh nets against depth, without and with skip connections, one line for each way of training.',
    caption:
      'Fully connected tanh nets, 16 channels wide (wide net: 64), on the digits; equal steps of the thin net, each arm at its own learning rate, chosen on the validation split at 16 layers. Means and 95 % t-intervals over the seeds.',
    scale,
    command: `gowide train resnet --experiment depth-skip --arm all --scale ${scale}`,
    spec,
    data: summary,
    runs: runIds(mine),
  };
};

const DIGITS = { experiment: 'resnet-digits', network: 'resnet' } as const;
const ABLATIONS: ArmsFigure = {
  id: 'resnet-ablations',
  experiment: 'resnet-ablations',
  network: 'resnet',
  title: 'What each part of the imitation is worth',
  caption: 'One thing changed at a time in the three stages, at equal steps of the thin net.',
};
const HIERARCHY: ArmsFigure = {
  id: 'resnet-hierarchy',
  experiment: 'resnet-hierarchy',
  network: 'resnet',
  title: 'The Random Hierarchy Model',
  caption: 'Strings of a random grammar instead of digits; no string is in two splits.',
};

export const RESNET_FIGURES: readonly Draw[] = [
  armsFigure({
    ...DIGITS,
    id: 'accuracy',
    title: 'Test accuracy by arm',
    caption:
      'Accuracy on the 3,000 test digits, which were used for nothing else. The thin arms have the same network and the same number of steps, imitation included (but for the one at the pipeline’s total cost).',
  }),
  differenceFigure({
    ...DIGITS,
    id: 'differences',
    title: 'Paired differences between the thin arms',
    caption: 'Difference in test accuracy of two arms.',
    pairs: [
      ['three-stage', 'direct', 'three stages − direct'],
      ['three-stage', 'deeper', 'three stages − deeper net'],
      ['three-stage', 'kd', 'three stages − KD'],
      ['three-stage', 'hints', 'three stages − hints + KL'],
      ['three-stage', 'all-at-once', 'three stages − all losses at once'],
      ['three-stage', 'no-imitation', 'three stages − shared parts + KL'],
      ['three-stage', 'selected-kl', 'three stages − selected + KL'],
      ['three-stage', 'long', 'three stages − direct at equal total cost'],
      ['selected-three-stage', 'selected-kl', 'selected, three stages − selected + KL'],
    ],
  }),
  curvesFigure({ ...DIGITS, id: 'curves', title: 'The three stages of a ResNet on one axis', caption: 'Digits.' }),
  layersFigure({
    ...DIGITS,
    id: 'taps',
    arm: 'three-stage',
    title: 'How far the thin ResNet’s stages are from the wide one’s',
    caption: 'Three-stage arm on the digits.',
  }),
  depthSkipFigure,
  bridgeFigure,
  layersFigure({
    id: 'layers-plain',
    experiment: 'depth-skip',
    network: 'resnet',
    arm: '16 plain imitation',
    title: 'Layer by layer in a plain net of 16 layers',
    caption: 'Fully connected tanh net without skip connections, imitation by gradient.',
  }),
  layersFigure({
    id: 'layers-skip',
    experiment: 'depth-skip',
    network: 'resnet',
    arm: '16 skip imitation',
    title: 'Layer by layer in a residual net of 16 layers',
    caption: 'The same net with skip connections.',
  }),
  armsFigure(ABLATIONS),
  armsFigure(HIERARCHY),
];

export const RESNET_COST_FIGURES: readonly Draw[] = [
  tradeFigure({
    ...DIGITS,
    id: 'trade-resnet',
    title: 'ResNets: accuracy against parameters and against cost',
    caption: 'Digits.',
  }),
];
