/** The tables of a report as one zip archive, which the page holds as a link. */
import { deflateRawSync } from 'node:zlib';
import { Zip, ZipPassThrough } from 'fflate';
import type { Records } from '../data/records.js';
import { toCsv, type LoggedRow } from '../data/csv.js';
import { keptRowsOf, originsOfTable } from '../data/tables.js';

/** An archive of more bytes than this is left out of the page, which says how to write the tables. */
const MOST_BYTES = 2 * 2 ** 20;

/** Equal tables make equal archives: their files are as old as a zip archive can say. */
const DAY = new Date(1980, 0, 1);

/** A file of an archive, packed by zlib: fflate's own packing takes a tenth more. */
class PackedFile extends ZipPassThrough {
  override readonly compression = 8;
  override readonly mtime = DAY;

  protected override process(content: Uint8Array, final: boolean): void {
    this.ondata(null, Uint8Array.from(deflateRawSync(content, { level: 9 })), final);
  }
}

/** Texts by their names as a zip archive. */
function zipOf(files: Readonly<Record<string, string>>): Buffer {
  const parts: Uint8Array[] = [];
  const zip = new Zip((error, part) => {
    if (error !== null) throw error;
    parts.push(part);
  });
  for (const [name, text] of Object.entries(files)) {
    const file = new PackedFile(name);
    zip.add(file);
    file.push(Buffer.from(text), true);
  }
  zip.end();
  return Buffer.concat(parts);
}

/** Numbers in the archive have so many digits: more say nothing that a verdict or figure rests on, and do not pack. */
const DIGITS = 4;

/** A table with shorter numbers; what is before the point stays. */
function shortened(table: string): string {
  return table.replace(/-?(\d+)\.\d{4,}(?:e[+-]?\d+)?/g, (number, whole: string) =>
    String(Number(Number(number).toPrecision(Math.max(DIGITS, whole.length)))),
  );
}

/**
 * Logged rows as JSON by column, null where a row has no such value: values of one column pack into half of what the
 * same rows take as lines. Arm and seed say which run a row is of: ids, which do not pack at all, stand beside the
 * final figures of trained networks, and all of them in the tables that `gowide report --tables` writes.
 */
function columnsOf(rows: readonly LoggedRow[]): string {
  const whole = rows.map(({ arm, seed, values }): Readonly<Record<string, unknown>> => ({ arm, seed, ...values }));
  const names = [...new Set(whole.flatMap((row) => Object.keys(row)))];
  const lines = names.map((name) => `${JSON.stringify(name)}:${JSON.stringify(whole.map((row) => row[name] ?? null))}`);
  return `{\n${lines.join(',\n')}\n}\n`;
}

/** All tables of some records in one archive; undefined without any, or where it would be too large for a page. */
export function archiveOf(records: Records): { readonly zip: Buffer; readonly files: number } | undefined {
  const files: Record<string, string> = {};
  const origins: Record<string, unknown> = {};
  for (const { experiment, scale, results, logged } of keptRowsOf(records)) {
    const name = `${experiment}.${scale}`;
    if (results.length > 0) files[`${name}.csv`] = shortened(toCsv(results));
    if (logged.length > 0) files[`${name}.json`] = shortened(columnsOf(logged));
    const kept = originsOfTable(records, name);
    if (kept.length > 0) origins[name] = kept;
  }
  if (Object.keys(origins).length > 0) files['origins.json'] = `${JSON.stringify(origins, null, 1)}\n`;
  const count = Object.keys(files).length;
  if (count === 0) return undefined;
  const zip = zipOf(files);
  return zip.length > MOST_BYTES ? undefined : { zip, files: count };
}
