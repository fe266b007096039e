/**
 * Successive halving (Jamieson, Talwalkar 2016) by thirds: each round has the best third of the candidates of the one
 * before it, and three times the steps; the last one has a single candidate and all steps. Each round is trained anew,
 * with a schedule of its own length.
 */

/** A round: how many candidates it has, and how many steps each gets. */
export interface Round {
  readonly candidates: number;
  readonly steps: number;
}

/** Steps of a round, at least: fewer tell nothing. */
const LEAST_STEPS = 10;

/** The rounds for so many candidates and steps; the last one has one candidate and all steps. */
export function roundsOf(candidates: number, steps: number): Round[] {
  const rounds: Round[] = [];
  let left = candidates;
  while (left > 1) {
    rounds.push({ candidates: left, steps: 0 });
    left = Math.max(1, Math.floor(left / 3));
  }
  rounds.push({ candidates: 1, steps: 0 });
  const planned = rounds.map((round, i) => ({
    ...round,
    steps: Math.min(steps, Math.max(LEAST_STEPS, Math.round(steps / 3 ** (rounds.length - 1 - i)))),
  }));
  // a round with the steps of the one before it would say the same again
  return planned.filter((round, i) => i === 0 || round.steps > planned[i - 1]!.steps || round.candidates === 1);
}

/** A candidate after a round. */
export interface Scored<Candidate> {
  readonly candidate: Candidate;
  /** Counted from 1. */
  readonly round: number;
  readonly steps: number;
  /** The larger the better; undefined where it failed. */
  readonly score: number | undefined;
}

/**
 * Runs the rounds; returns the best candidate and everything that was measured on the way. `measure` gives a
 * candidate's score after so many steps, or undefined where it failed. Where all of a round failed, the next best of
 * the one before it take their places, one after the other. Returns no best where none of these is left.
 */
export async function halve<Candidate>(
  candidates: readonly Candidate[],
  steps: number,
  measure: (candidate: Candidate, steps: number, round: number) => Promise<number | undefined>,
): Promise<{ readonly best: Candidate | undefined; readonly scored: readonly Scored<Candidate>[] }> {
  const scored: Scored<Candidate>[] = [];
  let open = [...candidates];
  for (const [i, round] of roundsOf(candidates.length, steps).entries()) {
    const mine: Scored<Candidate>[] = [];
    for (const candidate of open) {
      if (mine.length >= round.candidates && mine.some((one) => one.score !== undefined)) break;
      const score = await measure(candidate, round.steps, i + 1);
      mine.push({ candidate, round: i + 1, steps: round.steps, score });
    }
    scored.push(...mine);
    const ranked = mine.filter(({ score }) => score !== undefined).sort((a, b) => b.score! - a.score!);
    if (ranked.length === 0) return { best: undefined, scored };
    open = ranked.map(({ candidate }) => candidate);
  }
  return { best: open[0], scored };
}
