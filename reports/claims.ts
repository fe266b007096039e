/** The claims: rows to verdicts. */
import { fitLine, powerLaw, tInterval, type Interval } from '../src/core/stats.js';
import { groupBy, numberAt, runIds, type TableRow } from './tables.js';
import { formatInterval, within, type Outcome, type Verdict } from './verdict.js';

/** Rows of one experiment at one scale. */
export interface ClaimInput {
  readonly rows: readonly TableRow[];
  readonly results: readonly TableRow[];
}

type Claim = (input: ClaimInput) => Verdict;

interface Statement {
  readonly id: string;
  readonly statement: string;
  readonly source: string;
  readonly rule: string;
}

/** A verdict from the rows that decide it; without any, "not run". */
function judge(statement: Statement, rows: readonly TableRow[], judgement: () => Pick<Verdict, 'outcome' | 'evidence'>): Verdict {
  const runs = runIds(rows);
  return { ...statement, ...(runs.length === 0 ? { outcome: 'not run', evidence: 'no finished run' } : judgement()), runs };
}

/** A verdict from one interval. */
function decide(statement: Statement, rows: readonly TableRow[], interval: () => Interval, outcome: (interval: Interval) => Outcome, digits = 3): Verdict {
  return judge(statement, rows, () => {
    const value = interval();
    return { outcome: outcome(value), evidence: formatInterval(value, digits) };
  });
}

/** Per seed: x and y of the rows, sorted as they are. */
function curves(rows: readonly TableRow[], x: string, y: string): { x: number[]; y: number[] }[] {
  return [...groupBy(rows, (row) => row.seed).values()].map((group) => ({ x: group.map((row) => numberAt(row, x)), y: group.map((row) => numberAt(row, y)) }));
}

const TRAININGS = { imitation: 'layerwise imitation', direct: 'direct training (backpropagation)' } as const;

/** D(m) ~ m^(-1/2). */
function widthLaw(training: keyof typeof TRAININGS, regime: string): Claim {
  return ({ rows }) => {
    const mine = rows.filter((row) => row.experiment === 'width' && row.arm === regime && row.values.training === training);
    const statement = {
      id: `width-${training}-${regime.replace(' ', '-')}`,
      statement: `Under ${TRAININGS[training]}, ${regime === 'skip' ? 'with' : 'without'} a skip connection, the discrepancy falls with the thin width as m^(−1/2).`,
      source: 'paper, mean-field bounds (both rates 1/√m)',
      rule: 'Exponent of D(m), one fit per seed, 95 % t-interval over seeds: supported inside [−0.55, −0.45], not supported outside, else inconclusive.',
    };
    return decide(
      statement,
      mine,
      () => powerLaw(curves(mine, 'm', 'discrepancy')),
      (interval) => within(interval, -0.55, -0.45),
    );
  };
}

/** D(L) under imitation: at most linear. */
function depthImitation(regime: string): Claim {
  return ({ rows }) => {
    const mine = rows.filter((row) => row.experiment === 'depth' && row.arm === regime);
    const statement = {
      id: `depth-imitation-${regime.replace(' ', '-')}`,
      statement: `Under layerwise imitation, ${regime === 'skip' ? 'with' : 'without'} a skip connection, the telescoped sum that bounds the discrepancy grows at most linearly with depth.`,
      source: 'paper, Theorem on layerwise imitation (discrepancy linear in depth)',
      rule: 'Exponent of sum h_l against L, one fit per seed, 95 % t-interval: supported below 1.1, not supported above it, else inconclusive. D above its own sum h_l in any run: not supported.',
    };
    const violations = mine.reduce((sum, row) => sum + numberAt(row, 'violations'), 0);
    return decide(
      statement,
      mine,
      () => powerLaw(curves(mine, 'depth', 'telescoped')),
      (interval) => (violations > 0 ? 'not supported' : within(interval, -Infinity, 1.1)),
    );
  };
}

/**
 * D(L) under direct training: does it grow, and bend upwards on a logarithmic axis? Both are asked: a D that falls and then stays
 * level bends upwards, too (reports/README.md, 2026-11-21).
 */
function depthDirect(regime: string): Claim {
  return ({ rows }) => {
    const mine = rows.filter((row) => row.experiment === 'depth' && row.arm === regime);
    const statement = {
      id: `depth-direct-${regime.replace(' ', '-')}`,
      statement: `Under direct training of a generic net ${regime === 'skip' ? 'with' : 'without'} a skip connection, the discrepancy itself (not only its bound) grows faster than exponentially with depth.`,
      source: 'paper, Theorem on backpropagation (double exponential in depth); the paper states a bound',
      rule: 'Growth of log D per layer in the deeper half of the depths, and how much more that is than in the shallower half; 95 % t-intervals over seeds: supported when both lie above 0, not supported when either lies below, else inconclusive.',
    };
    return judge(statement, mine, () => {
      const halves = curves(mine, 'depth', 'direct').map(({ x, y }) => {
        const logs = y.map(Math.log);
        const half = Math.ceil(x.length / 2);
        return { deep: fitLine(x.slice(-half), logs.slice(-half)).slope, shallow: fitLine(x.slice(0, half), logs.slice(0, half)).slope };
      });
      const growth = tInterval(halves.map(({ deep }) => deep));
      const bend = tInterval(halves.map(({ deep, shallow }) => deep - shallow));
      const both = [growth, bend].map((interval) => within(interval, 0, Infinity));
      const outcome = both.every((one) => one === 'supported') ? 'supported' : both.includes('not supported') ? 'not supported' : 'inconclusive';
      return { outcome, evidence: `growth ${formatInterval(growth)}; bend ${formatInterval(bend)}` };
    });
  };
}

const saddleRows = ({ rows }: ClaimInput): TableRow[] => rows.filter((row) => row.experiment === 'saddle');

const saddleDirect: Claim = (input) => {
  const mine = saddleRows(input);
  const statement = {
    id: 'saddle-direct',
    statement:
      'There is an initial law (instance B1: all block Lipschitz constants 1) under which direct training’s discrepancy grows exponentially with depth, at the rate of its closed form.',
    source: 'this project (theory/instances/saddle.ts); the paper’s bound would allow even more',
    rule: 'Ratio of the measured growth of log(√m D/√L) per layer to the closed form’s, one fit per seed, 95 % t-interval: supported inside [0.95, 1.05], not supported outside, else inconclusive.',
  };
  const slope = (key: string, group: readonly TableRow[]): number =>
    fitLine(group.map((row) => numberAt(row, 'depth')), group.map((row) => Math.log(numberAt(row, key) / Math.sqrt(numberAt(row, 'depth'))))).slope; // prettier-ignore
  const ratio = (): Interval => tInterval([...groupBy(mine, (row) => row.seed).values()].map((group) => slope('direct', group) / slope('directTheory', group)));
  return decide(statement, mine, ratio, (interval) => within(interval, 0.95, 1.05));
};

const saddleImitation: Claim = (input) => {
  const mine = saddleRows(input);
  const statement = {
    id: 'saddle-imitation',
    statement: 'In the same instance, the telescoped sum under imitation grows linearly with depth.',
    source: 'paper, Theorem on layerwise imitation; closed form of this project',
    rule: 'Exponent of √m sum h_l against L, one fit per seed, 95 % t-interval: supported inside [0.9, 1.1], not supported outside, else inconclusive.',
  };
  return decide(
    statement,
    mine,
    () => powerLaw(curves(mine, 'depth', 'telescoped')),
    (interval) => within(interval, 0.9, 1.1),
  );
};

/** Differences of a result between two arms, seed by seed. */
export function pairedDifferences(results: readonly TableRow[], first: string, second: string, key: string): number[] {
  const of = (arm: string): Map<number, number> => new Map(results.filter((row) => row.arm === arm).map((row) => [row.seed, numberAt(row, key)]));
  const [a, b] = [of(first), of(second)];
  return [...a].filter(([seed]) => b.has(seed)).map(([seed, value]) => value - b.get(seed)!); // prettier-ignore
}

function armAbove(id: string, statement: string, source: string, first: string, second: string): Claim {
  return ({ results }) => {
    const mine = results.filter((row) => row.experiment === 'resnet-digits');
    const differences = pairedDifferences(mine, first, second, 'testAccuracy');
    const compared = differences.length === 0 ? [] : mine.filter((row) => row.arm === first || row.arm === second);
    const rule =
      'Difference in test accuracy (points), paired by seed, at equal steps of the thin net, 95 % t-interval: supported above 0, not supported below 0, else inconclusive.';
    return decide(
      { id, statement, source, rule },
      compared,
      () => tInterval(differences),
      (interval) => within(interval, 0, Infinity),
      2,
    );
  };
}

export const CLAIMS: readonly Claim[] = [
  widthLaw('imitation', 'skip'),
  widthLaw('imitation', 'no skip'),
  widthLaw('direct', 'skip'),
  widthLaw('direct', 'no skip'),
  depthImitation('skip'),
  depthImitation('no skip'),
  depthDirect('skip'),
  depthDirect('no skip'),
  saddleDirect,
  saddleImitation,
  armAbove(
    'resnet-three-stage',
    'On the digits, a thin ResNet trained in three stages is more accurate than the same net trained directly.',
    'paper, abstract (ResNet-50 on ImageNet; its exact figures are unknown here)',
    'three-stage',
    'direct',
  ),
  armAbove(
    'resnet-imitation',
    'On the digits, layerwise imitation adds accuracy over starting from the wide net’s shared parts and fine-tuning alone.',
    'this project’s control for the paper’s second stage',
    'three-stage',
    'no-imitation',
  ),
];

/** Every claim, decided by the rows of one scale. */
export function decideClaims(input: ClaimInput): Verdict[] {
  return CLAIMS.map((claim) => claim(input));
}
