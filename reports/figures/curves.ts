/** Training curves: the three stages on one axis of steps, and direct training beside them. */
import { commandOf } from '../../experiments/registry.js';
import { runIds, type Curve } from '../data/rows.js';
import { CONFIG } from './theme.js';
import {
  define,
  summarize,
  type Datum,
  type ExperimentFigure,
  type FigureDefinition,
  type FigureSpec,
} from './figure.js';

const STAGES = {
  wide: { name: '1. the wide net is trained', color: '#555555' },
  imitation: { name: '2. the thin one imitates it', color: '#56B4E9' },
  tuning: { name: '3. the thin one is fine-tuned', color: '#0072B2' },
  direct: { name: 'the thin one, directly, with as many steps', color: '#D55E00' },
} as const;

const lastStep = ({ points }: Curve): number => points.at(-1)!.step;

function curvesSpec(data: readonly Datum[]): FigureSpec {
  const stages = Object.values(STAGES).filter(({ name }) => data.some(({ series }) => series === name));
  const color = {
    field: 'series',
    type: 'nominal',
    scale: { domain: stages.map(({ name }) => name), range: stages.map((stage) => stage.color) },
    title: null,
    legend: { columns: 2 },
  };
  const x = {
    field: 'x',
    type: 'quantitative',
    scale: { nice: false },
    title: 'steps, all stages',
    axis: { grid: false },
  };
  const y = (field: string): object => ({
    field,
    type: 'quantitative',
    scale: { type: 'log', nice: false, padding: 8 },
    title: 'training loss of the stage',
  });
  return {
    config: CONFIG,
    width: 440,
    height: 280,
    data: { values: data },
    encoding: { x, color },
    layer: [
      { mark: { type: 'area', opacity: 0.18 }, encoding: { y: y('low'), y2: { field: 'high' } } },
      { mark: { type: 'line', strokeWidth: 2 }, encoding: { y: y('mean') } },
    ],
  };
}

/** Loss of the wide net, of the thin one in three stages and of direct training, each by the steps before it. */
export function curvesFigure(figure: ExperimentFigure): FigureDefinition {
  const { id, experiment, title, caption } = figure;
  return define(figure, ({ curves, scale }) => {
    const of = (arm: string): Curve[] =>
      curves.filter((curve) => curve.experiment === experiment.name && curve.arm === arm);
    const [wide, thin, direct] = [of('wide'), of('three-stage'), of('direct')];
    if (wide.length === 0 || thin.length === 0) return undefined;
    const offset = lastStep(wide[0]!);
    const points = [
      ...wide.flatMap((curve) =>
        curve.points.map(({ step, loss }) => ({ x: step, y: loss, series: STAGES.wide.name })),
      ),
      ...thin.flatMap((curve) =>
        curve.points.map(({ stage, step, loss }) => ({
          x: offset + step,
          y: loss,
          series: stage === 'fine-tune' ? STAGES.tuning.name : STAGES.imitation.name,
        })),
      ),
      ...direct.flatMap((curve) =>
        curve.points.map(({ step, loss }) => ({ x: offset + step, y: loss, series: STAGES.direct.name })),
      ),
    ].filter(({ y }) => y > 0);
    const data: Datum[] = summarize(points);
    return {
      id,
      title,
      alt:
        'Training loss against steps: the wide net, then the thin net’s imitation, then its fine-tuning, and direct ' +
        'training of the thin net beside the last two.',
      caption:
        `${caption} Each stage has its own loss, so levels of different colors are not comparable. Means over equal ` +
        'parts of a stage; geometric means and 95 % t-intervals over the seeds.',
      scale,
      command: commandOf(experiment, scale),
      spec: curvesSpec(data),
      data,
      runs: runIds([...wide, ...thin, ...direct]),
    };
  });
}
