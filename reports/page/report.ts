/** Records to a report: what each claim's verdict is, and the figures; then to a page or to text. */
import { CUSTOM_SCALE, SCALES, type Scale } from '../../src/core/experiment.js';
import { few, UsageError } from '../../src/core/errors.js';
import { writeAtomic } from '../../src/store/atomic.js';
import { packageVersion } from '../../src/core/package.js';
import { standsWithoutRuns } from '../claims/claim.js';
import { CLAIMS, decideScales } from '../claims/index.js';
import { judgeOwn, ownRuns, type OwnVerdicts } from '../claims/own.js';
import {
  drawnOf,
  LostFigures,
  type Figure,
  type FigureDefinition,
  type FigureInput,
  type Lost,
} from '../figures/figure.js';
import { HERO } from '../figures/hero.js';
import { FIGURES } from '../figures/index.js';
import { readClient } from './client.js';
import { withoutPaths } from './html.js';
import { renderFigure, type RenderedFigure } from './figure-block.js';
import type { OwnRuns } from './own-runs.js';
import { renderPage } from './page.js';
import type { Contents, PageInput } from './parts.js';
import { sectionNames } from './sections.js';
import { groupBy } from '../../src/core/group.js';
import { readRecords, unknownIn, type Records } from '../data/records.js';
import { renderSite } from './site.js';
import { siteFolder, writeSite } from './site-folder.js';
import { toMarkdown } from './text.js';
import type { ScaledVerdict } from '../claims/verdict.js';

/** Verdicts and figures of some records. */
export type Report = Contents<Figure>;

/** Largest first. */
const DESCENDING: readonly Scale[] = [...SCALES].reverse();

function inputsOf({ rows, results, curves }: Records, only: Scale | undefined): FigureInput[] {
  const byScale = <T extends { readonly scale: string }>(list: readonly T[]): Map<string, T[]> =>
    groupBy(list, ({ scale }) => scale);
  const [logged, finals, lines] = [byScale(rows), byScale(results), byScale(curves)];
  const scales = (only === undefined ? DESCENDING : [only]).filter((scale) => finals.has(scale) || logged.has(scale));
  return scales.map((scale) => ({
    scale,
    rows: logged.get(scale) ?? [],
    results: finals.get(scale) ?? [],
    curves: lines.get(scale) ?? [],
  }));
}

/** The figure at the largest scale at which there is one; `lost` hears of the scales at which it cannot be drawn. */
function drawAt(definition: FigureDefinition, inputs: readonly FigureInput[], lost: Lost): Figure[] {
  for (const input of inputs) {
    const figure = drawnOf(definition, input, lost);
    if (figure !== undefined) return [figure];
  }
  return [];
}

/** What is made of claims, or of figures, by section, in the order of the page. */
function bySection<Item, Made>(
  items: readonly Item[],
  sectionOf: (item: Item) => string,
  make: (item: Item) => readonly Made[],
): Record<string, Made[]> {
  const groups = groupBy(items, sectionOf);
  return Object.fromEntries(sectionNames(groups.keys()).map((name) => [name, groups.get(name)!.flatMap(make)]));
}

/** Runs whose settings were changed by hand (scale `custom`) are judged by themselves. `scale`: that one alone. */
export function buildReport(given: Records, scale?: Scale): Report {
  const inputs = inputsOf(given, scale);
  const verdicts = new Map(decideScales(inputs).map((verdict) => [verdict.id, verdict]));
  const lost = new LostFigures();
  const newest = given.runs.reduce((last: string | undefined, { environments }) => {
    const started = environments.at(-1)?.started;
    return started !== undefined && (last === undefined || started > last) ? started : last;
  }, undefined);
  const figures = bySection(
    Object.values(FIGURES),
    ({ section }) => section,
    (definition) => drawAt(definition, inputs, lost.hear),
  );
  const own = ownReport(given, lost.hear);
  return {
    verdicts: bySection(
      Object.values(CLAIMS),
      ({ experiment }) => experiment.group,
      (claim) => {
        const verdict = verdicts.get(claim.id)!;
        return verdict.outcome === 'not run' && !standsWithoutRuns(claim) ? [] : [verdict];
      },
    ),
    figures,
    findings: findingsOf(Object.values(figures).flat(), verdicts),
    own,
    records: { ...given, problems: [...given.problems, ...unknownIn(given), ...lost.lines()] },
    version: packageVersion(),
    newest,
  };
}

async function rendered(figures: readonly Figure[]): Promise<RenderedFigure[]> {
  return Promise.all(figures.map(renderFigure));
}

/** What each figure shows, by its id, as the verdicts have it. */
function findingsOf(figures: readonly Figure[], verdicts: ReadonlyMap<string, ScaledVerdict>): Record<string, string> {
  const outcome = (claim: string): ScaledVerdict['outcome'] | undefined => verdicts.get(claim)?.outcome;
  return Object.fromEntries(
    figures.flatMap((figure) => {
      const found = FIGURES[figure.id]?.finding?.(outcome, figure);
      return found === undefined ? [] : [[figure.id, found] as const];
    }),
  );
}

/** Runs of one's own, judged by themselves, and drawn where each of an experiment's arms has one setting. */
function ownReport({ runs, rows, results, curves }: Records, lost: Lost): OwnRuns<Figure> {
  const mine = ownRuns(runs);
  const judgement = judgeOwn(mine, { rows, results });
  const alike = <T extends { readonly scale: string; readonly experiment: string }>(list: readonly T[]): T[] =>
    list.filter(({ scale, experiment }) => scale === CUSTOM_SCALE && !judgement.several.includes(experiment));
  const input: FigureInput = {
    scale: CUSTOM_SCALE,
    rows: alike(rows),
    results: alike(results),
    curves: alike(curves),
  };
  const commands = new Map(mine.map(({ id, environments }) => [id, withoutPaths(environments[0]?.command ?? '')]));
  const drawn =
    mine.length === 0
      ? []
      : Object.values(FIGURES).flatMap((definition) =>
          definition.section === HERO ? [] : drawAt(definition, [input], lost),
        );
  const figures = drawn.map((figure) => ({ ...figure, command: commands.get(figure.runs[0] ?? '') ?? figure.command }));
  return { runs: mine, judgement, figures };
}

/** A report with its figures drawn. */
export async function drawReport(report: Report): Promise<PageInput> {
  const figures = Object.fromEntries(
    await Promise.all(
      Object.entries(report.figures).map(async ([section, list]) => [section, await rendered(list)] as const),
    ),
  );
  const own = { ...report.own, figures: await rendered(report.own.figures) };
  return { ...report, figures, own, client: readClient() };
}

/** The page of a report. The same records give the same bytes. */
export async function pageOf(report: Report, live = false): Promise<string> {
  return renderPage(await drawReport(report), live);
}

/** What a report found, for the command line. */
export interface ReportResult {
  readonly verdicts: readonly ScaledVerdict[];
  /** Verdicts on settings that were changed by hand, by study, arm and settings. */
  readonly own: readonly OwnVerdicts[];
  /** Experiments with several settings under one arm, whose arms were not compared. */
  readonly several: readonly string[];
  readonly problems: readonly string[];
  readonly cautions: readonly string[];
  /** Runs that the verdicts were decided by, each counted once. */
  readonly runs: number;
  readonly figures: number;
  /** The verdicts as a table. */
  readonly markdown: string;
}

/** Where a report goes: a page, a site, both, or neither. */
export interface Targets {
  readonly file?: string | undefined;
  /** Folder of a site. */
  readonly site?: string | undefined;
}

/** The report of all runs below `folders`. Throws UsageError where none of them is at the scale that is asked for. */
export function reportOf(folders: readonly string[], scale?: Scale): Report {
  const records = readRecords(folders);
  const scales = SCALES.filter((one) => inputsOf(records, one).length > 0);
  if (scale !== undefined && !scales.includes(scale)) {
    const there =
      scales.length > 0
        ? `expected one of: ${scales.join(', ')}`
        : `nor at another${records.problems.length === 0 ? '' : `: ${few(records.problems)}`}`;
    throw new UsageError(`--scale ${scale}: no finished run of that scale in ${folders.join(', ')}; ${there}`);
  }
  return buildReport(records, scale);
}

/** Draws the report of all runs below `folders`. Throws UsageError where the site's folder is not one. */
export async function writeReport(
  folders: readonly string[],
  { file, site }: Targets,
  scale?: Scale,
): Promise<ReportResult> {
  if (site !== undefined) siteFolder(site);
  const report = reportOf(folders, scale);
  if (file !== undefined || site !== undefined) {
    const drawn = await drawReport(report);
    if (file !== undefined) writeAtomic(file, renderPage(drawn, false));
    if (site !== undefined) writeSite(site, renderSite(drawn));
  }
  const { problems, cautions } = report.records;
  const figures = Object.values(report.figures).flat().length;
  const verdicts = Object.values(report.verdicts).flat();
  const told = { verdicts, problems, cautions, runs: new Set(verdicts.flatMap(({ runs }) => runs)).size };
  const { groups, several } = report.own.judgement;
  const markdown = toMarkdown({ ...told, own: report.own.judgement });
  return { ...told, own: groups, several, figures, markdown };
}
