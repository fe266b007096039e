/** The rows of a figure out of the text that stands in the page: comma-separated values, as `csv` writes them. */
import { fromFormulaFree } from '../../src/core/formula.js';

/** A cell of a table. */
export type Cell = string | number;

/** Fields of one line; quoted ones may hold commas, quotes (doubled) and line ends. */
function* fields(text: string): Generator<string[]> {
  const pattern = /(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n|$)/gy;
  let line: string[] = [];
  while (pattern.lastIndex < text.length) {
    const found = pattern.exec(text);
    if (found === null) throw new Error(`no comma-separated values at ${pattern.lastIndex}`);
    const [, quoted, plain, end] = found;
    line.push(quoted === undefined ? plain! : quoted.replaceAll('""', '"'));
    if (end === ',' && pattern.lastIndex < text.length) continue;
    yield line;
    line = [];
  }
}

/** Rows with a number or a text in each column that is not empty; `texts`: columns that are no numbers. */
export function rowsOf(text: string, texts: readonly string[]): Record<string, Cell>[] {
  const [head = [], ...lines] = fields(text);
  return lines.map((line) =>
    Object.fromEntries(
      head.flatMap((column, i) => {
        const cell = line[i] ?? '';
        return cell === '' ? [] : [[column, texts.includes(column) ? fromFormulaFree(cell) : Number(cell)]];
      }),
    ),
  );
}
