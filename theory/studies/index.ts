/** All studies by name, and their executor. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { unknownName } from '../../src/core/errors.js';
import type { Executor } from '../../src/core/run.js';
import { boundsStudy } from './bounds.js';
import { depthStudy } from './depth.js';
import { genericStudy } from './generic.js';
import { residualStudy } from './residual.js';
import { saddleStudy } from './saddle.js';
import { scaleStudy } from './scale.js';
import { stagesStudy } from './stages.js';
import { parseStudySpec, type Study } from './study.js';
import { tanhSaddleStudy } from './tanh-saddle.js';
import { timeStudy } from './time.js';
import { widthStudy } from './width.js';

export const THEORY_KIND = 'theory';

export const STUDIES: Readonly<Record<string, Study<unknown>>> = Object.fromEntries(
  [
    widthStudy,
    depthStudy,
    timeStudy,
    scaleStudy,
    boundsStudy,
    saddleStudy,
    tanhSaddleStudy,
    genericStudy,
    residualStudy,
    stagesStudy,
  ].map((study) => [study.name, study as unknown as Study<unknown>]),
);

/** Throws UsageError with the known names. */
export function studyByName(name: unknown): Study<unknown> {
  const study = typeof name === 'string' && Object.hasOwn(STUDIES, name) ? STUDIES[name] : undefined;
  if (study === undefined) throw unknownName('study', JSON.stringify(name), Object.keys(STUDIES));
  return study;
}

/** One cell is short, so that a stopped one starts again; the stop itself is heard between its parts. */
export const theoryExecutor: Executor = async (context) => {
  const study = studyByName(context.cell.spec.study);
  const spec = parseStudySpec(study, context.cell.spec);
  const rows = await study.run(spec, context.cell.seed, async (done, total) => {
    await nextTurn();
    context.progress(study.name, done, total);
    if (context.shouldSave()) context.save({ arrays: {}, position: '' });
  });
  for (const row of rows) context.log(row);
  return { result: { rows: rows.length } };
};
