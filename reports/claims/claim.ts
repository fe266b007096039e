/** What a claim is made of: rows to a verdict. */
import { SCALES, WIDE_ARM, type Experiment, type Scale } from '../../src/core/experiment.js';
import { errorOf, FailureError } from '../../src/core/errors.js';
import { armsAt } from '../data/facts.js';
import { RowError, rowsOfExperiment, runIds, type TableRow } from '../data/rows.js';
import { CHANCE, type Judge, type Judgement } from './rules.js';
import { OTHER_SETTING } from './settings.js';
import { OUTCOMES, type ClaimKind, type Verdict } from './verdict.js';

/** Rows of one scale. */
export interface ClaimInput {
  /** The scale; undefined where it does not matter. */
  readonly scale?: string;
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
  /**
   * The smallest scale that is to decide it; the smallest of all unless given. Where a smaller one has too few seeds or
   * steps to, it is not judged there, and the other claims there need no correction for it.
   */
  readonly from?: Scale;
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

/** Whether a scale declares the arms that a claim is about; wide nets that others require need no declaration. */
function isDeclaredAt({ experiment, arms = [] }: Claim, scale: Scale): boolean {
  if (!Object.hasOwn(experiment.seeds, scale)) return false;
  const declared = armsAt(experiment, scale);
  return arms.every((arm) => Object.hasOwn(declared, arm) || arm === WIDE_ARM);
}

/** A scale that is to decide a claim, and why a smaller one is not. */
export interface LeftTo {
  readonly scale: Scale;
  /** Whether the smaller scale does not have what the claim is about; otherwise it has too little of it. */
  readonly isUndeclared: boolean;
}

/**
 * The scale that a claim is left to by a smaller one: the smallest that is to decide it, or the smallest that declares
 * its arms. Undefined for the scales from there on, and for what is no scale of SCALES.
 */
export function leftTo(claim: Claim, scale: string | undefined): LeftTo | undefined {
  const { from } = claim;
  const at = (SCALES as readonly (string | undefined)[]).indexOf(scale);
  if (at < 0) return undefined;
  if (from !== undefined && at < SCALES.indexOf(from)) return { scale: from, isUndeclared: false };
  const first = SCALES.find((one) => isDeclaredAt(claim, one));
  return first !== undefined && at < SCALES.indexOf(first) ? { scale: first, isUndeclared: true } : undefined;
}

/**
 * A claim's rows, and what its rule says of them. Rows that lack what it reads decide nothing, and are named. Numbers
 * of which statistics throw RangeError, as NaN or a line through points that are all one, were measured, and cannot be
 * decided by.
 */
function judged(
  claim: Claim,
  input: ClaimInput,
): { readonly mine: readonly TableRow[]; readonly judgement: Judgement } {
  const notRun = (evidence: string): Judgement => ({ outcome: 'not run', evidence });
  const left = leftTo(claim, input.scale);
  if (left?.isUndeclared === false) return { mine: [], judgement: notRun(`left to scale ${left.scale}`) };
  const noRun =
    left === undefined ? 'no finished run' : `left to scale ${left.scale}: its arms are not declared at ${input.scale}`;
  let mine: readonly TableRow[] = [];
  try {
    mine = claim.rows(input);
    return { mine, judgement: mine.length > 0 ? claim.judge(mine) : notRun(noRun) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw errorOf(`the claim "${claim.id}" cannot be judged`, error);
    if (error instanceof RowError)
      return { mine: [], judgement: notRun(`not judged, as a row is incomplete: ${error.message}`) };
    return { mine, judgement: { outcome: 'inconclusive', evidence: `cannot be decided: ${error.message}` } };
  }
}

/** Throws FailureError where what a judge returned is no judgement. */
function checkJudgement({ id }: Claim, judgement: unknown): void {
  const { outcome, evidence } = Object(judgement) as Partial<Judgement>;
  if (OUTCOMES.some((known) => known === outcome) && typeof evidence === 'string') return;
  throw new FailureError(
    `the claim "${id}": judge: expected evidence as a text and an outcome, one of: ${OUTCOMES.join(', ')}; got ` +
      (JSON.stringify(judgement) ?? 'nothing'),
  );
}

/**
 * Whether a page has a claim of which there are no runs, as one that was not run. What is declared at scale paper alone
 * takes a cluster: it would be not run on nearly every page, and stands there once it was.
 */
export function standsWithoutRuns({ experiment }: Claim): boolean {
  return Object.keys(experiment.seeds).some((scale) => scale !== 'paper');
}

/** The verdict on one claim, as if it were the only one; without rows, "not run". */
export function decideAlone(claim: Claim, input: ClaimInput): UncorrectedVerdict {
  const { id, statement, source, experiment } = claim;
  const { mine, judgement } = judged(claim, input);
  checkJudgement(claim, judgement);
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
    seeds: new Set(mine.map((row) => row.seed)).size,
    ...judgement,
    runs: runIds(mine),
  };
}

/** Logged rows of an experiment, and of one arm where that is given. */
export function rowsOf(experiment: Experiment, arm?: string): Claim['rows'] {
  return ({ rows }) => {
    const mine = rowsOfExperiment(rows, experiment);
    return arm === undefined ? mine : mine.filter((row) => row.arm === arm);
  };
}
