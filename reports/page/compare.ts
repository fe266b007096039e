/** Two sets of runs side by side: two machines, two engines, before and after. */
import { basename, resolve } from 'node:path';
import { isOrAre, plural } from '../../src/core/errors.js';
import { mean } from '../../src/core/stats.js';
import type { Scale } from '../../src/core/experiment.js';
import { metricsHash, type RunRecord } from '../../src/store/runs.js';
import { writeAtomic } from '../../src/store/atomic.js';
import { escape } from '../../src/core/markup.js';
import { dataTable, documentOf, styleElement } from './html.js';
import { environmentBlock } from './runs-block.js';
import { verdictBadge } from './verdicts.js';
import { panelHtml, renderFigure } from './figure-block.js';
import { reportOf, type Report } from './report.js';
import { groupBy } from '../../src/core/group.js';
import type { TableRow } from '../data/rows.js';
import { shownInterval } from '../data/interval.js';
import type { Records } from '../data/records.js';
import { keptRowsOf } from '../data/tables.js';
import type { Datum, Figure } from '../figures/figure.js';
import { formatMean, type Outcome, type ScaledVerdict } from '../claims/verdict.js';

/** A row of a table that is kept. */
type KeptRow = Pick<TableRow, 'run' | 'values'>;

/** Runs of a side by their ids: their folders, and the lists of their rows. */
interface RunsById {
  readonly folders: ReadonlyMap<string, RunRecord>;
  readonly lists: readonly ReadonlyMap<string, readonly KeptRow[]>[];
}

/** How two sets of runs differ. */
export interface Comparison {
  readonly shared: number;
  /** How many of them logged the same bytes, or have the same figures where one side has a table alone. */
  readonly equal: number;
  /** How many of {@link shared} one side has as a table alone. */
  readonly asTables: number;
  readonly changed: readonly { readonly id: string; readonly first: Outcome; readonly second: Outcome }[];
  readonly problems: readonly string[];
}

/** Verdicts of both sides by claim; one that only one side has on its page was not run on the other. */
function sideBySide(first: Report, second: Report): (readonly [ScaledVerdict, ScaledVerdict])[] {
  const notRun = (verdict: ScaledVerdict): ScaledVerdict => ({
    ...verdict,
    ...{ outcome: 'not run', evidence: 'no finished run', scale: null, seeds: 0, runs: [], others: [] },
  });
  return Object.entries(first.verdicts).flatMap(([section, mine]) => {
    const theirs = second.verdicts[section] ?? [];
    const byId = new Map(theirs.map((verdict) => [verdict.id, verdict]));
    const shown = new Set(mine.map(({ id }) => id));
    return [
      ...mine.map((verdict) => [verdict, byId.get(verdict.id) ?? notRun(verdict)] as const),
      ...theirs.filter(({ id }) => !shown.has(id)).map((verdict) => [notRun(verdict), verdict] as const),
    ];
  });
}

function verdictPairs(first: Report, second: Report): { html: string; changed: Comparison['changed'] } {
  const pairs = sideBySide(first, second).filter(([a, b]) => a.outcome !== 'not run' || b.outcome !== 'not run');
  const cell = ({ outcome, evidence, scale }: (typeof pairs)[number][0]): string =>
    `<td>${verdictBadge(outcome)}` +
    `<p class="small">${escape(evidence)}${scale === null ? '' : `; scale ${escape(scale)}`}</p></td>`;
  const rows = pairs.map(
    ([a, b]) =>
      '<tr ' +
      `id="claim-${escape(a.id)}"><td>${a.outcome === b.outcome ? '' : '<strong>differs</strong> '}${escape(a.statement)}</td>${cell(a)}${cell(b)}</tr>`,
  );
  return {
    html:
      '<table class="pairs"><thead><tr><th scope="col">Claim</th><th scope="col">A</th>' +
      `<th scope="col">B</th></tr></thead><tbody>${rows.join('\n')}</tbody></table>`,
    changed: pairs
      .filter(([a, b]) => a.outcome !== b.outcome)
      .map(([a, b]) => ({ id: a.id, first: a.outcome, second: b.outcome })),
  };
}

/** Means of every final figure of each arm, and the differences B - A of the seeds that both have. */
function resultPairs(first: readonly TableRow[], second: readonly TableRow[]): Datum[] {
  const keyOf = ({ experiment, arm, scale }: TableRow): string => JSON.stringify([experiment, arm, scale]);
  const [a, b] = [groupBy(first, keyOf), groupBy(second, keyOf)];
  return [...a].flatMap(([key, mine]) => {
    const theirs = b.get(key);
    if (theirs === undefined) return [];
    const { experiment, arm, scale, values } = mine[0]!;
    const columns = Object.keys(values).filter((column) =>
      [...mine, ...theirs].every((row) => typeof row.values[column] === 'number'),
    );
    return columns.flatMap((column): Datum[] => {
      const of = (rows: readonly TableRow[]): Map<number, number> =>
        new Map(rows.map((row) => [row.seed, row.values[column] as number]));
      const [x, y] = [of(mine), of(theirs)];
      const differences = [...x].filter(([seed]) => y.has(seed)).map(([seed, value]) => y.get(seed)! - value);
      if (differences.length === 0 || differences.every((value) => value === 0)) return [];
      const means = { A: mean([...x.values()]), B: mean([...y.values()]) };
      return [
        {
          experiment,
          arm,
          scale,
          figure: column,
          ...means,
          'B − A, paired by seed': formatMean(shownInterval(differences), 4),
          seeds: differences.length,
        },
      ];
    });
  });
}

async function figurePairs(first: Report, second: Report): Promise<string> {
  const blocks = Object.entries(first.figures).flatMap(([section, list]) => {
    const theirs = new Map(second.figures[section]!.map((figure) => [figure.id, figure]));
    return list.flatMap((figure) => (theirs.has(figure.id) ? [[figure, theirs.get(figure.id)!] as const] : []));
  });
  const plot = async (figure: Figure, side: string): Promise<string> => {
    const { panels } = await renderFigure(figure);
    const plots = panels.map((panel) => {
      const label = `${side}: ${panel.title === null ? '' : `${panel.title}. `}${figure.alt}`;
      const { head, picture } = panelHtml(panel, label);
      return `${head}${picture}`;
    });
    return (
      `<div class="plot" tabindex="0" role="region" aria-label="${side}: ` +
      `${escape(figure.title)}">${plots.join('')}</div>`
    );
  };
  const drawn = await Promise.all(
    blocks.map(
      async ([a, b]) =>
        `<figure><h3>${escape(a.title)}</h3><div ` +
        `class="plots">${await plot(a, 'A')}${await plot(b, 'B')}</div><figcaption>${escape(a.caption)}</figcaption></figure>`,
    ),
  );
  return drawn.join('\n');
}

/** Runs by their ids: their folders, and their rows as tables keep them. */
function runsById(records: Records): RunsById {
  const kept = keptRowsOf(records);
  const lists = (['results', 'logged'] as const).map((list) =>
    groupBy(
      kept.flatMap((table): readonly KeptRow[] => table[list]),
      ({ run }) => run,
    ),
  );
  return { folders: new Map(records.runs.map((run) => [run.id, run])), lists };
}

function idsOf({ folders, lists }: RunsById): Set<string> {
  return new Set([...folders.keys(), ...lists.flatMap((list) => [...list.keys()])]);
}

/** Whether two lists of rows have the same values in every column that both have. */
function haveSameFigures(first: readonly KeptRow[], second: readonly KeptRow[]): boolean {
  return (
    first.length === second.length &&
    first.every(({ values }, i) => {
      const other = second[i]!.values;
      return Object.keys(values).every((key) => !Object.hasOwn(other, key) || Object.is(values[key], other[key]));
    })
  );
}

/** Whether a run has the same bytes on both sides; or, of a table, the same figures as far as both have some. */
function isSame(id: string, a: RunsById, b: RunsById): boolean {
  const [one, other] = [a.folders.get(id), b.folders.get(id)];
  if (one !== undefined && other !== undefined) return metricsHash(one) === metricsHash(other);
  const pairs = a.lists.map((list, i) => [list.get(id) ?? [], b.lists[i]!.get(id) ?? []] as const);
  const known = pairs.filter(([x, y]) => x.length > 0 && y.length > 0);
  return known.length > 0 && known.every(([x, y]) => haveSameFigures(x, y));
}

/** How many runs are in both, and how many of these are the same. */
function sharedRuns(one: RunsById, other: RunsById): Pick<Comparison, 'shared' | 'equal' | 'asTables'> {
  const theirs = idsOf(other);
  const shared = [...idsOf(one)].filter((id) => theirs.has(id));
  return {
    shared: shared.length,
    equal: shared.filter((id) => isSame(id, one, other)).length,
    asTables: shared.filter((id) => !(one.folders.has(id) && other.folders.has(id))).length,
  };
}

/** How many runs are in both, as words. */
export function inBoth({ shared }: Pick<Comparison, 'shared'>): string {
  return `${plural(shared, 'run')} ${isOrAre(shared)} in both`;
}

/** How many verdicts differ, as words. */
export function differing({ changed }: Pick<Comparison, 'changed'>): string {
  return `${plural(changed.length, 'verdict')} ${changed.length === 1 ? 'differs' : 'differ'}`;
}

/** Draws two folders of runs, or of kept tables, side by side into `file`. */
export async function writeComparison(
  first: string,
  second: string,
  file: string | undefined,
  scale?: Scale,
): Promise<Comparison> {
  const [a, b] = [first, second].map((folder) => reportOf([folder], scale)) as [Report, Report];
  const { html, changed } = verdictPairs(a, b);
  const results = resultPairs(a.records.results, b.records.results);
  const problems = [
    ...a.records.problems.map((line) => `A: ${line}`),
    ...b.records.problems.map((line) => `B: ${line}`),
  ];
  const [mine, theirs] = [runsById(a.records), runsById(b.records)];
  const runs = sharedRuns(mine, theirs);
  const comparison = { ...runs, changed, problems };
  if (file === undefined) return comparison;
  const [nameA, nameB] =
    basename(resolve(first)) === basename(resolve(second))
      ? [first, second]
      : [basename(resolve(first)), basename(resolve(second))];
  const list = (lines: readonly string[]): string =>
    lines.length === 0
      ? ''
      : `<div class="care"><h2>Left out</h2><ul>${lines.map((line) => `<li>${escape(line)}</li>`).join('')}</ul></div>`;
  const body = `<main><header><h1>Two sets of runs</h1>
<p>A is <code>${escape(nameA)}</code> (${plural(idsOf(mine).size, 'run')}), B is <code>${escape(nameB)}</code> (${plural(idsOf(theirs).size, 'run')}). ${inBoth(runs)} (same declaration, same seed); ${runs.equal} of them ${runs.asTables === 0 ? 'logged the same bytes' : 'logged the same bytes, or have the same figures where there is a table alone'}. ${differing(comparison)}.</p></header>
${list(problems)}
<section><h2>Verdicts</h2>${html}</section>
<section><h2>Final figures that differ</h2>${results.length === 0 ? '<p>None.</p>' : dataTable(results, 'Final figures that differ')}</section>
<section><h2>Figures</h2>${await figurePairs(a, b)}</section>
<section><h2>Environments</h2><h3>A</h3>${environmentBlock(a.records, 'Environments of A')}<h3>B</h3>${environmentBlock(b.records, 'Environments of B')}</section></main>`;
  writeAtomic(
    file,
    documentOf({
      title: 'Two sets of runs side by side',
      policy: "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
      head: styleElement(),
      body,
    }),
  );
  return comparison;
}
