/** The registry of studies, and how cells of kind `theory` are run. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Runner } from '../../src/core/experiment.js';
import { FailureError } from '../../src/core/errors.js';
import { checkMemory, FLOAT64_BYTES } from '../../src/core/memory.js';
import { lookUp, registerOwn } from '../../src/core/registry.js';
import type { Cell, Executor } from '../../src/core/run.js';
import { KERNEL_SECONDS } from '../kernel/seconds.js';
import { boundsStudy } from './bounds.js';
import { depthStudy } from './depth.js';
import { genericStudy } from './generic.js';
import { imitationStudy } from './imitation.js';
import { limitStudy } from './limit.js';
import { residualDepthStudy } from './residual-depth.js';
import { residualStudy } from './residual.js';
import { saddleStudy } from './saddle.js';
import { scaleStudy } from './scale.js';
import { selectionStudy } from './selection.js';
import { stagesStudy } from './stages.js';
import { parseStudySpec, valuesOf, type Study } from './study.js';
import { tanhSaddleStudy } from './tanh-saddle.js';
import { timeStudy } from './time.js';
import { widthStudy } from './width.js';

/** The kind of run that a study is. */
export const THEORY_KIND = 'theory';

/** Every study under its name, in the order in which `gowide theory list` shows them. */
export const STUDIES: Record<string, Study> = {
  width: widthStudy,
  depth: depthStudy,
  time: timeStudy,
  imitation: imitationStudy,
  limit: limitStudy,
  selection: selectionStudy,
  scale: scaleStudy,
  bounds: boundsStudy,
  saddle: saddleStudy,
  'tanh-saddle': tanhSaddleStudy,
  generic: genericStudy,
  residual: residualStudy,
  'residual-depth': residualDepthStudy,
  stages: stagesStudy,
};

/** Adds a study from outside this folder, under its own name. Throws UsageError when the name is taken. */
export function registerStudy(study: Study): void {
  registerOwn('study', STUDIES, 'name', study, {
    ...{ name: 'string', law: 'string', rule: 'string' },
    ...{ schema: 'schema', cost: 'function', run: 'function' },
  });
}

/** The study of that name. Throws UsageError with the known names. */
export function studyByName(name: unknown): Study {
  return lookUp('study', STUDIES, name);
}

/** What a kept table has in every row beside what was measured. */
const ROW_KEYS = ['arm', 'seed', 'run'];

/** A net as it began, and as it is trained: what every study holds of its largest one. */
const COPIES = 2;

/** Runs the study that the cell's spec names. A cell is short: one that was stopped between two parts starts again. */
const execute: Executor = async (context) => {
  const study = studyByName(context.cell.spec.study);
  const spec = parseStudySpec(study, context.cell.spec);
  checkMemory(`study "${study.name}": particles and samples`, COPIES * valuesOf(spec as object) * FLOAT64_BYTES);
  const rows = await study.run(spec, context.cell.seed, async (done, total) => {
    await nextTurn();
    context.progress(study.name, done, total);
    if (context.shouldSave()) context.save({ arrays: {}, position: '' });
  });
  const taken = ROW_KEYS.find((key) => rows.some((row) => Object.hasOwn(row, key)));
  if (taken !== undefined)
    throw new FailureError(
      `the study "${study.name}": its rows have "${taken}", as kept tables call what a row is of; expected another name`,
    );
  for (const row of rows) context.log(row);
  return { result: { rows: rows.length } };
};

/** Lines of warning on the spec of a study. Throws UsageError on one that does not fit. */
export function studyCautions(spec: Cell['spec']): string[] {
  const study = studyByName(spec.study);
  return study.cautions?.(parseStudySpec(study, spec)) ?? [];
}

/** How cells of kind {@link THEORY_KIND} are checked, priced and run. */
export const THEORY_RUNNER: Runner = {
  execute,
  check: ({ spec }) => void parseStudySpec(studyByName(spec.study), spec),
  requires: () => [],
  cost: ({ spec }, { kernel = 'native' } = {}) => {
    const study = studyByName(spec.study);
    return study.cost(parseStudySpec(study, spec), lookUp('kernel', KERNEL_SECONDS, kernel));
  },
  stepFlops: undefined,
};
