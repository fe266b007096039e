/** Runs a cell in memory and keeps all that a user would see of it. */
import { createHash } from 'node:crypto';
import type { Floats, HostArrays } from '../../src/core/host-array.js';
import type { Cell, Executor, Row } from '../../src/core/run.js';

/** One run of a cell, or one that the cell needs. */
export interface Recorded {
  readonly arm: string;
  readonly rows: readonly Row[];
  readonly result: Row;
  /** SHA-256 of the arrays that the run leaves: names, shapes and values; null where it leaves none. */
  readonly arrays: string | null;
}

/** The cell's run and the runs that it needs, in the order in which they end. */
export async function record(execute: Executor, kind: string, spec: Cell['spec']): Promise<Recorded[]> {
  const recorded: Recorded[] = [];
  const run = async (cell: Cell): Promise<HostArrays<Floats>> => {
    const rows: Row[] = [];
    const { result, arrays } = await execute({
      cell,
      seed: cell.seed,
      resumed: undefined,
      log: (row) => void rows.push(row),
      progress: () => {},
      shouldSave: () => false,
      save: () => {},
      require: run,
    });
    recorded.push({ arm: cell.arm, rows, result, arrays: arrays === undefined ? null : hashOf(arrays) });
    return arrays ?? {};
  };
  await run({ experiment: 'unchanged', arm: 'cell', scale: 'custom', kind, spec, seed: 1 });
  return recorded;
}

function hashOf(arrays: HostArrays<Floats>): string {
  const hash = createHash('sha256');
  for (const name of Object.keys(arrays).sort()) {
    const { shape, values } = arrays[name]!;
    hash.update(JSON.stringify([name, shape]));
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest('hex');
}

/** Lines of a fixture: each row in a line of its own, so that a difference names the row. */
export function linesOf(recorded: readonly Recorded[]): string[] {
  return recorded.flatMap(({ arm, rows, result, arrays }) => [
    ...rows.map((row) => `${arm} ${JSON.stringify(row)}`),
    `${arm} result ${JSON.stringify(result)}`,
    `${arm} arrays ${arrays}`,
  ]);
}
