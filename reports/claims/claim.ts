/** What a claim is made of: rows to a verdict. */
import type { Interval } from '../../src/core/stats.js';
import { groupBy, numberAt, runIds, type TableRow } from '../tables.js';
import { formatInterval, type Outcome, type Verdict } from '../verdict.js';

/** Rows of one experiment at one scale. */
export interface ClaimInput {
  readonly rows: readonly TableRow[];
  readonly results: readonly TableRow[];
}

export type Claim = (input: ClaimInput) => Verdict;

export interface Statement {
  readonly id: string;
  readonly statement: string;
  readonly source: string;
  readonly rule: string;
}

/** A verdict from the rows that decide it; without any, "not run". */
export function judge(statement: Statement, rows: readonly TableRow[], judgement: () => Pick<Verdict, 'outcome' | 'evidence'>): Verdict {
  const runs = runIds(rows);
  return { ...statement, ...(runs.length === 0 ? { outcome: 'not run', evidence: 'no finished run' } : judgement()), runs };
}

/** A verdict from one interval. */
export function decide(statement: Statement, rows: readonly TableRow[], interval: () => Interval, outcome: (interval: Interval) => Outcome, digits = 3): Verdict {
  return judge(statement, rows, () => {
    const value = interval();
    return { outcome: outcome(value), evidence: formatInterval(value, digits) };
  });
}

/** Per seed: x and y of the rows, sorted as they are. */
export function curves(rows: readonly TableRow[], x: string, y: string): { x: number[]; y: number[] }[] {
  return [...groupBy(rows, (row) => row.seed).values()].map((group) => ({ x: group.map((row) => numberAt(row, x)), y: group.map((row) => numberAt(row, y)) }));
}
