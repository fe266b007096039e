/**
 * Vega-lite specs to keep beside the tables, without the rows that are made of these: a named data source takes their
 * place, and `usermeta` says of which tables and by which command they are made again, with a hash to compare them by.
 */
import { createHash } from 'node:crypto';
import type { LoggedRow, ResultRow } from '../data/csv.js';
import type { KeptRows } from '../data/tables.js';
import { named, parametersByArm, type TableRow } from '../data/rows.js';
import {
  drawnOf,
  type Datum,
  type Figure,
  type FigureDefinition,
  type FigureSpec,
  type Lost,
} from '../figures/figure.js';
import { FIGURES } from '../figures/index.js';

/** The name of the data source that stands for the rows. */
const ROWS = 'rows';

/** A kept spec: all of the figure but its rows. */
export type KeptSpec = FigureSpec & {
  readonly data: { readonly name: typeof ROWS };
  readonly usermeta: {
    readonly figure: string;
    readonly scale: string;
    /** Kept tables, in the same folder, that the rows are made of. */
    readonly tables: readonly string[];
    readonly rows: { readonly count: number; readonly sha256: string };
    readonly rebuild: string;
  };
};

/** Hash of a figure's rows as JSON. */
function hashOfRows(rows: readonly Datum[]): string {
  return createHash('sha256').update(JSON.stringify(rows)).digest('hex');
}

/** The spec of a figure without its rows, which are made of `tables`. */
export function withoutRows({ id, scale, spec, data }: Figure, tables: readonly string[]): KeptSpec {
  return {
    usermeta: {
      figure: id,
      scale,
      tables,
      rows: { count: data.length, sha256: hashOfRows(data) },
      rebuild: `gowide report reports/results --scale ${scale}`,
    },
    ...spec,
    data: { name: ROWS },
  };
}

/** The spec that can be drawn. Throws RangeError on other rows than those that it was kept without. */
export function withRows(kept: KeptSpec, rows: readonly Datum[]): FigureSpec {
  const { usermeta, ...spec } = kept;
  if (hashOfRows(rows) !== usermeta.rows.sha256)
    throw new RangeError(
      `figure "${usermeta.figure}": expected the ${usermeta.rows.count} rows of its tables, got others`,
    );
  return { ...spec, data: { values: rows } };
}

/**
 * The figures that the rows of some tables of one scale make, all of them or those of some definitions, without the
 * curves of runs; `lost` hears why one cannot be drawn.
 */
export function figuresOfTables(
  scale: string,
  tables: readonly KeptRows[],
  lost: Lost,
  definitions: readonly FigureDefinition[] = Object.values(FIGURES),
): Figure[] {
  const toRows = (rows: (table: KeptRows) => readonly (ResultRow | LoggedRow)[]): TableRow[] =>
    tables.flatMap((table) => {
      const parameters = parametersByArm(table.results);
      return rows(table).map(({ arm, seed, run, values }) => ({
        ...named({ run, experiment: table.experiment, arm, scale, seed }, parameters.get(arm)),
        values,
      }));
    });
  const input = { scale, rows: toRows(({ logged }) => logged), results: toRows(({ results }) => results), curves: [] };
  return definitions.flatMap((definition) => drawnOf(definition, input, lost) ?? []);
}

/** The figures of an experiment that show rows of others, too, each with the experiments whose tables it is made of. */
export function figuresOfSeveral(experiment: string): { definition: FigureDefinition; of: ReadonlySet<string> }[] {
  return Object.values(FIGURES).flatMap((definition) =>
    definition.experiment === experiment && definition.reads !== undefined
      ? [{ definition, of: new Set([experiment, ...definition.reads]) }]
      : [],
  );
}

/** Ids of the figures that show rows of an experiment by its name: its own, and those of others that read them. */
export function figuresWithRowsOf(name: string): string[] {
  return Object.values(FIGURES).flatMap(({ id, experiment, reads = [] }) =>
    experiment === name || reads.includes(name) ? [id] : [],
  );
}

/**
 * The figures among `drawn`, which one table makes, that a report has so: it may draw one of another table where that
 * is there.
 */
export function asReported(drawn: readonly Figure[], report: readonly Figure[]): Figure[] {
  const hashes = new Map(report.map(({ id, data }) => [id, hashOfRows(data)]));
  return drawn.filter(({ id, data }) => hashes.get(id) === hashOfRows(data));
}
