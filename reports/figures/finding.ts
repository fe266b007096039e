/** Titles that say what was found. They are computed from verdicts and rows, so that they turn when the data turn. */
import { inSentence } from '../../src/core/errors.js';
import type { Outcome } from '../claims/verdict.js';
import type { Finding } from './figure.js';

/** What is said of the settings that share an outcome; `where` names them. */
export type Words = Readonly<Record<Exclude<Outcome, 'not run'>, (where: string) => string>>;

const ORDER = ['supported', 'not supported', 'inconclusive'] as const;

/**
 * A finding of several claims that ask one thing: those with the same outcome are named together, by the names under
 * which they are given.
 */
export function acrossSettings(claims: Readonly<Record<string, string>>, words: Words): Finding {
  return (outcome) => {
    const said = ORDER.flatMap((one) => {
      const where = Object.entries(claims).flatMap(([name, id]) => (outcome(id) === one ? [name] : []));
      return where.length === 0 ? [] : [words[one](inSentence(where))];
    });
    if (said.length === 0) return undefined;
    return oneSentence(said).trim();
  };
}

/** Nets with a skip connection and without, by the beginning of the ids of their claims. */
export function bothRegimes(prefix: string, words: Words): Finding {
  return (outcome) => {
    const regimes = [
      { outcome: outcome(`${prefix}-skip`), alone: 'with a skip connection', after: 'with one' },
      { outcome: outcome(`${prefix}-no-skip`), alone: 'without a skip connection', after: 'without one' },
    ];
    const [first, second] = ORDER.flatMap((one) => regimes.filter((regime) => regime.outcome === one));
    if (first === undefined) return undefined;
    const say = words[first.outcome as keyof Words];
    if (second === undefined) return say(first.alone);
    if (second.outcome === first.outcome) return say('with a skip connection and without one');
    return oneSentence([say(first.alone), `${OTHERWISE[second.outcome as keyof typeof OTHERWISE]} ${second.after}`]);
  };
}

/** How the second regime's outcome is said after that of the first. */
const OTHERWISE = { 'not supported': 'not', inconclusive: 'open' } as const;

/** A finding of one claim. */
export function ofClaim(id: string, words: Readonly<Record<Exclude<Outcome, 'not run'>, string>>): Finding {
  return acrossSettings(
    { '': id },
    {
      supported: () => words.supported,
      'not supported': () => words['not supported'],
      inconclusive: () => words.inconclusive,
    },
  );
}

/**
 * A finding of the claim that three stages beat direct training at equal steps, on the data that `where` names; `open`
 * is said where it is inconclusive.
 */
export function equalSteps(
  claim: string,
  where: string,
  open = `On ${where} neither three stages nor direct training wins for certain at equal steps`,
): Finding {
  return ofClaim(claim, {
    supported: `On ${where} three stages beat direct training at equal steps`,
    'not supported': `On ${where} three stages do not beat direct training at equal steps`,
    inconclusive: open,
  });
}

/** A finding of the claims `<prefix>-three-stage`, at equal steps, and `<prefix>-total-cost`, at equal total cost. */
export function equalStepsAndCost(prefix: string, where: string): Finding {
  return together(
    equalSteps(
      `${prefix}-three-stage`,
      where,
      `Whether three stages beat direct training on ${where} at equal steps is open`,
    ),
    ofClaim(`${prefix}-total-cost`, {
      supported: 'They also do at equal total cost',
      'not supported': 'At equal total cost direct training wins',
      inconclusive: 'At equal total cost it is open',
    }),
  );
}

/** Several findings in one sentence; those that say nothing are left out. */
export function together(...findings: readonly Finding[]): Finding {
  return (outcome, figure) => {
    const said = findings.flatMap((finding) => finding(outcome, figure) ?? []);
    return said.length === 0 ? undefined : oneSentence(said);
  };
}

/** Clauses as one sentence; those after the first begin in lower case. */
function oneSentence(clauses: readonly string[]): string {
  return clauses.map((text, i) => (i === 0 ? text : text[0]!.toLowerCase() + text.slice(1))).join('; ');
}

/** Which arm of a figure ends first and which last, by their means. */
export function firstAndLast(better: 'higher' | 'lower'): Finding {
  return (_, { data }) => {
    const means = data.filter(({ mean, reference }) => mean !== undefined && reference === undefined);
    if (means.length < 2) return undefined;
    const sign = better === 'higher' ? 1 : -1;
    const sorted = [...means].sort((a, b) => sign * (Number(b.mean) - Number(a.mean)));
    return (
      `Of ${sorted.length} variants of the thin net “${sorted[0]!.name}” does best, and ` +
      `“${sorted.at(-1)!.name}” worst`
    );
  };
}
