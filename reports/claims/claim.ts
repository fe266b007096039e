/** What a claim is made of: rows to a verdict. */
import type { Experiment } from '../../src/core/experiment.js';
import { runIds, type TableRow } from '../data/rows.js';
import { CHANCE, type Judge, type Judgement } from './rules.js';
import { OTHER_SETTING } from './settings.js';
import type { ClaimKind, Verdict } from './verdict.js';

/** Rows of one scale. */
export interface ClaimInput {
  readonly rows: readonly TableRow[];
  readonly results: readonly TableRow[];
}

/** A claim, fixed before any run: what is claimed, which rows decide it, and how. */
export interface Claim {
  readonly id: string;
  readonly statement: string;
  readonly source: string;
  /** The statistic, its interval, and what counts as supported; in words, as {@link judge} computes it. */
  readonly rule: string;
  /**
   * What it asks, without its setting: claims that ask one thing of several settings have the same words here, and
   * stand in one row of the matrix of verdicts. The statement unless given.
   */
  readonly question?: string;
  /** The column of that matrix: a key of SETTINGS, or a name of its own. */
  readonly setting?: string;
  /** Whether the paper claims it, or this project asks it to check the paper; the latter unless given. */
  readonly kind?: ClaimKind;
  /** Id of the figure below which it stands; the first of its experiment unless given. */
  readonly figure?: string;
  /** The experiment whose runs decide it, and its arms; all arms unless given. */
  readonly experiment: Experiment;
  readonly arms?: readonly string[];
  readonly rows: (input: ClaimInput) => readonly TableRow[];
  /** Called with at least one row. */
  readonly judge: Judge;
  /** Largest chance that what is not true is called supported; that of a t-interval unless given, 0 for a count. */
  readonly chance?: number;
}

/** What chance alone does, in words, beside the rule. */
function chanceText({ chance = CHANCE }: Claim): string {
  return chance === 0
    ? 'This counts, and leaves nothing to chance.'
    : `Chance calls what is not so supported in at most ${Number((100 * chance).toFixed(2))} % of cases.`;
}

/** A verdict before the correction for how many claims are judged together. */
export type UncorrectedVerdict = Omit<Verdict, 'significance'> & Pick<Judgement, 'p'>;

/** The verdict on one claim, as if it were the only one; without rows, "not run". */
export function decideAlone(claim: Claim, input: ClaimInput): UncorrectedVerdict {
  const { id, statement, source, experiment, rows, judge } = claim;
  const mine = rows(input);
  const judgement: Judgement = mine.length === 0 ? { outcome: 'not run', evidence: 'no finished run' } : judge(mine);
  return {
    id,
    statement,
    source,
    rule: `${claim.rule} ${chanceText(claim)}`,
    experiment: experiment.name,
    question: claim.question ?? statement,
    setting: claim.setting ?? OTHER_SETTING,
    kind: claim.kind ?? 'control',
    ...(claim.figure !== undefined && { figure: claim.figure }),
    ...judgement,
    seeds: new Set(mine.map((row) => row.seed)).size,
    runs: runIds(mine),
  };
}

/** Logged rows of an experiment, and of one arm where that is given. */
export function rowsOf({ name }: Experiment, arm?: string): Claim['rows'] {
  return ({ rows }) => rows.filter((row) => row.experiment === name && (arm === undefined || row.arm === arm));
}
