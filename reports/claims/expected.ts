/** Verdicts as they are expected to be, in a file: what a changed result is told by where nobody looks at a page. */
import { z } from 'zod';
import { suggestion, UsageError } from '../../src/core/errors.js';
import { parseJson } from '../../src/core/json.js';
import { parseSpec } from '../../src/core/spec.js';
import { readJson } from '../../src/store/config.js';
import { CLAIMS } from './index.js';
import { OUTCOMES, type Outcome } from './verdict.js';

/** A verdict that is not the expected one. */
export interface ChangedVerdict {
  /** The claim's id. */
  readonly id: string;
  readonly expected: Outcome;
  readonly found: Outcome;
}

const OutcomeName = z.enum(OUTCOMES);
const ByClaim = z.record(z.string(), OutcomeName);
const Printed = z.looseObject({ verdicts: z.array(z.looseObject({ id: z.string(), outcome: OutcomeName })) });

/**
 * The expected outcome of each claim that a file names: `{ "claim-id": "supported" }`, or what `gowide report --json`
 * printed, of which claims that were not run count as not named. Throws UsageError on another file, a claim that there
 * is not or is twice, an outcome that is none, and where no claim is named.
 */
export function readExpected(path: string): ReadonlyMap<string, Outcome> {
  const value = readJson(path, 'verdicts, as `gowide report --json` prints them', parseJson);
  const isPrinted = value !== null && typeof value === 'object' && 'verdicts' in value;
  const entries = isPrinted
    ? parseSpec(Printed, `file of verdicts ${path}`, value).verdicts.flatMap(({ id, outcome }) =>
        outcome === 'not run' ? [] : [[id, outcome] as const],
      )
    : Object.entries(parseSpec(ByClaim, `file of verdicts ${path}`, value));
  for (const [id] of entries) if (!Object.hasOwn(CLAIMS, id)) throw unknownClaim(path, id);
  const twice = entries.find(([id], i) => entries.findIndex(([other]) => other === id) < i);
  if (twice !== undefined) throw new UsageError(`${path}: the claim "${twice[0]}" is there twice; expected it once`);
  // with nothing to compare every report would do
  if (entries.length === 0)
    throw new UsageError(
      `${path}: no claim with a verdict; expected at least one, as in {"claim-id": "supported"} or in what ` +
        '`gowide report --json` prints of runs',
    );
  return new Map(entries);
}

function unknownClaim(path: string, id: string): Error {
  const hint = suggestion(id, Object.keys(CLAIMS));
  return new UsageError(`${path}: no claim "${id}"; expected ids as \`gowide report --json\` has them.${hint}`);
}

/** The verdicts that differ from what is expected of them, in the order of the file. */
export function changedVerdicts(
  expected: ReadonlyMap<string, Outcome>,
  verdicts: readonly { readonly id: string; readonly outcome: Outcome }[],
): ChangedVerdict[] {
  const found = new Map(verdicts.map(({ id, outcome }) => [id, outcome]));
  return [...expected].flatMap(([id, outcome]) => {
    const now = found.get(id) ?? 'not run';
    return now === outcome ? [] : [{ id, expected: outcome, found: now }];
  });
}
