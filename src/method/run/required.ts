/** Which other runs a training run needs: the one that trains its wide net, and the one that it goes on from. */
import { WIDE_ARM } from '../../core/experiment.js';
import { oncePer } from '../../core/memo.js';
import type { Cell } from '../../core/run.js';
import { isTrained, type TrainSpec } from '../spec/spec.js';

/** The kind of run that trains a network. */
export const TRAIN_KIND = 'train';

/** The runs that must be finished before a run starts: its wide net's, and the one that it goes on from. */
export function requiredCells(cell: Cell, spec: TrainSpec): Cell[] {
  return [wideCell(cell, spec), pretrainedCell(cell, spec)].filter((required) => required !== undefined);
}

/** The run whose network a run goes on from, if it declares one. */
export function pretrainedCell(cell: Cell, { pretrained }: TrainSpec): Cell | undefined {
  if (pretrained === undefined || !('run' in pretrained)) return undefined;
  const { experiment, arm, run } = pretrained;
  return { experiment, arm, scale: cell.scale, kind: TRAIN_KIND, spec: run, seed: cell.seed };
}

/** Whether a cell may be another's {@link wideCell}, whose `training` is declared as `teacher.recipe` there. */
export function isWideCell({ arm }: Cell): boolean {
  return arm === WIDE_ARM;
}

/** The run that trains a run's wide net, or undefined where none is trained. Runs with equal wide nets share it. */
export function wideCell({ experiment, scale, seed }: Cell, spec: TrainSpec): Cell | undefined {
  const wide = wideSpec(spec);
  return wide && { experiment, arm: WIDE_ARM, scale, kind: TRAIN_KIND, spec: wide, seed };
}

/** What a run's wide net is trained by: one object for all seeds of an arm, as their own spec is. */
const wideSpec = oncePer(({ data, teacher }: TrainSpec): TrainSpec | undefined => {
  if (!isTrained(teacher)) return undefined;
  const { network, pretrained, recipe, objective } = teacher;
  return {
    data,
    network,
    ...(pretrained !== undefined && { pretrained }),
    teacher: null,
    start: 'random',
    imitation: null,
    training: { ...recipe, objective },
  };
});
