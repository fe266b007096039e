/** What a figure is: a vega-lite spec made of rows, with words about it. */
import type { TopLevelSpec } from 'vega-lite';
import { tInterval } from '../../src/core/stats.js';
import { groupBy } from '../tables.js';

export interface Figure {
  readonly id: string;
  readonly title: string;
  /** What is seen, for those who do not see it. */
  readonly alt: string;
  /** Seeds, interval, and how to read it. */
  readonly caption: string;
  /** Command that makes the runs. */
  readonly command: string;
  readonly spec: TopLevelSpec;
  /** The plotted values, as shown in the table under the figure. */
  readonly data: readonly Datum[];
  readonly runs: readonly string[];
}

export type Datum = Readonly<Record<string, string | number>>;

/**
 * Where several seeds share x and series: on a logarithmic axis the geometric mean and the 95 % t-interval of the logarithm, on a linear one the
 * mean and its interval.
 */
export function summarize(points: readonly { x: number; y: number; series: string; facet?: string }[], scale: 'log' | 'linear' = 'log'): Datum[] {
  const [to, from] = scale === 'log' ? [Math.log, Math.exp] : [(value: number) => value, (value: number) => value];
  return [...groupBy(points, ({ x, series, facet }) => JSON.stringify([facet ?? '', series, x])).values()].map((group) => {
    const { mean, low, high, n } = tInterval(group.map(({ y }) => to(y)));
    const { x, series, facet } = group[0]!;
    const ends = n > 1 ? { low: from(low), high: from(high) } : { low: from(mean), high: from(mean) };
    return { ...(facet !== undefined && { facet }), series, x, mean: from(mean), ...ends, seeds: n };
  });
}
