/** Records to the finished page. */
import { SCALES } from '../src/core/experiment.js';
import { writeAtomic } from '../src/store/atomic.js';
import { packageVersion } from '../src/store/environment.js';
import { decideClaims } from './claims/index.js';
import type { Figure } from './figures/figure.js';
import { bertFigures } from './figures/bert.js';
import { accuracyFigure, armsFigure, depthSkipFigure, differenceFigure, tapFigure } from './figures/resnet.js';
import { theoryFigures } from './figures/theory.js';
import { renderPage, type RenderedFigure, type Section } from './page.js';
import { renderSvg } from './render.js';
import { readRecords, type Records } from './tables.js';
import type { Verdict } from './verdict.js';

async function rendered(figures: readonly (Figure | undefined)[]): Promise<RenderedFigure[]> {
  const present = figures.filter((figure): figure is Figure => figure !== undefined);
  return Promise.all(present.map(async (figure) => ({ figure, svg: await renderSvg(figure.spec) })));
}

async function buildSection({ rows, results }: Records, scale: string): Promise<Section> {
  const [mine, finals] = [rows.filter((row) => row.scale === scale), results.filter((row) => row.scale === scale)];
  return {
    scale,
    verdicts: decideClaims({ rows: mine, results: finals }),
    theory: await rendered(theoryFigures(mine, scale)),
    resnet: await rendered([
      accuracyFigure(finals, scale),
      differenceFigure(finals, scale),
      tapFigure(mine, scale),
      depthSkipFigure(finals, scale),
      armsFigure(finals, scale, {
        experiment: 'resnet-ablations',
        network: 'resnet',
        title: 'What each part of the imitation is worth',
        caption: 'One thing changed at a time in the three stages, at equal steps of the thin net.',
      }),
      armsFigure(finals, scale, {
        experiment: 'resnet-hierarchy',
        network: 'resnet',
        title: 'The Random Hierarchy Model',
        caption: 'Strings of a random grammar instead of digits; no string is in two splits.',
      }),
    ]),
    bert: await rendered(bertFigures(finals, scale)),
  };
}

export interface ReportResult {
  readonly verdicts: readonly (Verdict & { readonly scale: string })[];
  readonly problems: readonly string[];
  readonly runs: number;
}

/** Draws the page of all runs below `folders` into `file`. Runs whose settings were changed by hand (scale `custom`) are listed, not judged. */
export async function writeReport(folders: readonly string[], file: string): Promise<ReportResult> {
  const records = readRecords(folders);
  const scales = [...SCALES].reverse().filter((scale) => records.runs.some((run) => run.cell.scale === scale));
  const sections = await Promise.all(scales.map(async (scale) => buildSection(records, scale)));
  const newest = records.runs.flatMap((run) => run.environments.map((entry) => entry.started)).sort().at(-1); // prettier-ignore
  writeAtomic(file, renderPage({ sections, records, version: packageVersion(), newest }));
  const verdicts = sections.flatMap(({ scale, verdicts: list }) => list.map((verdict) => ({ ...verdict, scale })));
  return { verdicts, problems: records.problems, runs: records.runs.length };
}
