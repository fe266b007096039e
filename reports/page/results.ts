/**
 * Results as files to keep: for each experiment and scale one CSV with a row for each training run and a Markdown table
 * made of it, what other runs logged as lines of JSON, and the vega-lite specs of the figures that these make.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, UsageError } from '../../src/core/errors.js';
import { makeFolder, writeAtomic } from '../../src/store/atomic.js';
import { fromCsv, toCsv } from '../data/csv.js';
import { ORIGIN_ENDING } from '../data/origins.js';
import { readRecords, unknownIn, type Records } from '../data/records.js';
import { isOfTable, SUMS_FILE, sumsWith } from '../data/sums.js';
import { groupBy } from '../../src/core/group.js';
import { keptRowsOf, originTables, tablesOf, type KeptRows } from '../data/tables.js';
import { figuresNamed, LostFigures, type Figure } from '../figures/figure.js';
import { toMarkdown } from './arm-table.js';
import { asReported, figuresOfSeveral, figuresOfTables, figuresWithRowsOf, withoutRows } from './kept-specs.js';

/** What was written, and what a reader has to know of it, as a report of the same folders says it. */
export interface WrittenResults extends Pick<Records, 'problems' | 'cautions'> {
  readonly files: readonly string[];
}

/**
 * Writes what every experiment below `folders` found, at every declared scale: final figures of training runs (.csv,
 * .md), what the others logged (.jsonl), where both come from (.origin.json), checksums of these, and the specs of the
 * figures that they make. Folders of kept tables count as runs do. Throws UsageError where files of something else
 * would be written over.
 */
export function writeResults(folders: readonly string[], target: string): WrittenResults {
  const records = readRecords(folders);
  const [unread, lost]: [string[], LostFigures] = [[], new LostFigures()];
  const { hear } = lost;
  makeFolder(target);
  // as they will be read again
  const all = keptRowsOf(records).flatMap((rows) => {
    try {
      return [{ ...rows, results: rows.results.length === 0 ? [] : fromCsv(toCsv(rows.results)) }];
    } catch (error) {
      const ids = figuresWithRowsOf(rows.experiment);
      const shown = ids.length === 0 ? '' : ` and not drawn in ${figuresNamed(ids)}`;
      unread.push(
        `${rows.experiment}.${rows.scale}.csv: not written${shown}, as it could not be read: ${messageOf(error)}`,
      );
      return [];
    }
  });
  const scales = [...groupBy(all, ({ scale }) => scale)];
  const reports = new Map(scales.map(([scale, tables]) => [scale, figuresOfTables(scale, tables, hear)]));
  const files = all.flatMap((rows) => {
    const { experiment, scale, results } = rows;
    const name = `${experiment}.${scale}`;
    const tables = tablesOf(rows);
    const report = reports.get(scale)!;
    const kept = (figure: Figure, of: readonly KeptRows[]): [string, string] => [
      `${figure.id}.${scale}.vl.json`,
      `${JSON.stringify(
        withoutRows(
          figure,
          of.flatMap((one) => Object.keys(tablesOf(one))),
        ),
        null,
        1,
      )}\n`,
    ];
    const several = figuresOfSeveral(experiment).flatMap(({ definition, of }) => {
      const read = all.filter((one) => one.scale === scale && of.has(one.experiment));
      return asReported(figuresOfTables(scale, read, hear, [definition]), report).map((figure) => kept(figure, read));
    });
    const own = asReported(figuresOfTables(scale, [rows], hear), report).map((figure) => kept(figure, [rows]));
    const specs = [...several, ...own];
    return Object.entries<string>({
      ...tables,
      ...(results.length > 0 && { [`${name}.md`]: toMarkdown(experiment, scale, results) }),
      ...originTables(records, name),
      ...(Object.fromEntries(specs) as Record<string, string>),
    });
  });
  refuseForeign(
    target,
    files.map(([file]) => file),
  );
  const sums = sumsWith(
    target,
    files.filter(([file]) => isOfTable(file)),
  );
  const written = [...files, ...(sums === '' ? [] : [[SUMS_FILE, sums] as const])];
  for (const [file, content] of written) writeAtomic(join(target, file), content);
  return {
    files: written.map(([file]) => join(target, file)),
    problems: [...records.problems, ...unknownIn(records), ...unread, ...lost.lines()],
    cautions: records.cautions,
  };
}

/** Throws UsageError where files would be written over in a folder that has no tables. */
function refuseForeign(target: string, files: readonly string[]): void {
  const there = new Set(readdirSync(target));
  const foreign = files.find((file) => there.has(file));
  if (foreign === undefined || [...there].some((file) => file.endsWith(ORIGIN_ENDING))) return;
  throw new UsageError(
    `${target}: it has ${foreign}, and no tables that came with it, which would be written over; name another folder`,
  );
}
