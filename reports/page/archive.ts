/** The tables of a report as one zip archive, which the page holds as a link. */
import { crc32, deflateRawSync } from 'node:zlib';
import type { Records } from '../data/records.js';
import { toCsv, type LoggedRow } from '../data/csv.js';
import { keptRowsOf, originTables } from '../data/tables.js';

/** An archive of more bytes than this is left out of the page, which says how to write the tables. */
const MOST_BYTES = 2 * 2 ** 20;

const [LOCAL, CENTRAL, END] = [0x04034b50, 0x02014b50, 0x06054b50] as const;
const [VERSION, UTF8, DEFLATED] = [20, 0x0800, 8] as const;
/** 1 January 1980: the same tables make the same archive. */
const DAY = (1 << 5) | 1;

interface Entry {
  readonly name: Buffer;
  readonly content: Buffer;
  readonly packed: Buffer;
}

/** Fields that a file has before its content and in the list at the end. */
function fieldsOf({ name, content, packed }: Entry): Buffer {
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(VERSION, 0);
  fields.writeUInt16LE(UTF8, 2);
  fields.writeUInt16LE(DEFLATED, 4);
  fields.writeUInt16LE(0, 6);
  fields.writeUInt16LE(DAY, 8);
  fields.writeUInt32LE(crc32(content), 10);
  fields.writeUInt32LE(packed.length, 14);
  fields.writeUInt32LE(content.length, 18);
  fields.writeUInt16LE(name.length, 22);
  return fields;
}

const number32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

/** Texts by their names as a zip archive. */
function zipOf(files: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  const list: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const content = Buffer.from(text);
    const entry: Entry = { name: Buffer.from(name), content, packed: deflateRawSync(content, { level: 9 }) };
    const fields = fieldsOf(entry);
    const local = Buffer.concat([number32(LOCAL), fields, entry.name, entry.packed]);
    const version = Buffer.alloc(2);
    version.writeUInt16LE(VERSION);
    list.push(Buffer.concat([number32(CENTRAL), version, fields, Buffer.alloc(10), number32(offset), entry.name]));
    parts.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(list);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(list.length, 4);
  end.writeUInt16LE(list.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, directory, number32(END), end]);
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
 * same rows take as lines.
 */
export function columnsOf(rows: readonly LoggedRow[]): string {
  const whole = rows.map(({ values, ...run }): Readonly<Record<string, unknown>> => ({ ...run, ...values }));
  const names = [...new Set(whole.flatMap((row) => Object.keys(row)))];
  const lines = names.map((name) => `${JSON.stringify(name)}:${JSON.stringify(whole.map((row) => row[name] ?? null))}`);
  return `{\n${lines.join(',\n')}\n}\n`;
}

/** All tables of some records in one archive; undefined without any, or where it would be too large for a page. */
export function archiveOf(records: Records): { readonly zip: Buffer; readonly files: number } | undefined {
  const files: Record<string, string> = {};
  for (const { experiment, scale, results, logged } of keptRowsOf(records)) {
    const name = `${experiment}.${scale}`;
    if (results.length > 0) files[`${name}.csv`] = shortened(toCsv(results));
    if (logged.length > 0) files[`${name}.json`] = shortened(columnsOf(logged));
    Object.assign(files, originTables(records, name));
  }
  const count = Object.keys(files).length;
  if (count === 0) return undefined;
  const zip = zipOf(files);
  return zip.length > MOST_BYTES ? undefined : { zip, files: count };
}
