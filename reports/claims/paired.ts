/** Results of two arms, paired by seed. */
import { numberAt, type TableRow } from '../data/rows.js';

/** A result of two arms, seed by seed; a seed that only one of them has is left out. */
export function pairedValues(
  results: readonly TableRow[],
  first: string,
  second: string,
  key: string,
): { readonly seed: number; readonly values: readonly [number, number] }[] {
  const of = (arm: string): Map<number, number> =>
    new Map(results.filter((row) => row.arm === arm).map((row) => [row.seed, numberAt(row, key)]));
  const [a, b] = [of(first), of(second)];
  return [...a].filter(([seed]) => b.has(seed)).map(([seed, value]) => ({ seed, values: [value, b.get(seed)!] }));
}

/** Differences of {@link pairedValues}, on a scale of their own where one is given. */
export function pairedDifferences(
  results: readonly TableRow[],
  first: string,
  second: string,
  key: string,
  scale: (value: number) => number = (value) => value,
): { readonly seed: number; readonly difference: number }[] {
  return pairedValues(results, first, second, key).map(({ seed, values: [a, b] }) => ({
    seed,
    difference: scale(a) - scale(b),
  }));
}
