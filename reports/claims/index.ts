/** Every claim, in the order of the page. */
import { register } from '../../src/core/registry.js';
import { BERT_CLAIMS } from './bert.js';
import { groupBy } from '../data/rows.js';
import { decideAlone, type Claim, type ClaimInput } from './claim.js';
import { correctFamily } from './family.js';
import { FRONTIER_CLAIMS } from './frontier.js';
import { INSTANCE_CLAIMS } from './instances.js';
import { LAW_CLAIMS } from './laws.js';
import { LIMIT_CLAIMS } from './limit.js';
import { PICTURE_CLAIMS } from './pictures.js';
import { RESNET_CLAIMS } from './resnet.js';
import { withScale } from './scales.js';
import { SELECTION_CLAIMS } from './selection.js';
import type { Verdict } from './verdict.js';

/** Every claim under its id. It stands in the section of the page that is its experiment's group. */
export const CLAIMS: Record<string, Claim> = {};

/** Adds a claim under its own id. Throws UsageError when the id is taken. */
export function registerClaim(claim: Claim): void {
  register('claim', CLAIMS, claim.id, claim);
}

for (const claim of [
  ...LAW_CLAIMS,
  ...LIMIT_CLAIMS,
  ...SELECTION_CLAIMS,
  ...INSTANCE_CLAIMS,
  ...RESNET_CLAIMS,
  ...FRONTIER_CLAIMS,
  ...PICTURE_CLAIMS,
  ...BERT_CLAIMS,
])
  registerClaim(withScale(claim));

/** Every claim, decided by the rows of one scale: those about trained nets as one family, the theory's as another. */
export function decideClaims(input: ClaimInput): Verdict[] {
  const claims = Object.values(CLAIMS);
  const families = groupBy(claims, ({ experiment }) => experiment.kind);
  const verdicts = [...families.values()].flatMap((family) =>
    correctFamily(family.map((claim) => decideAlone(claim, input))),
  );
  const byId = new Map(verdicts.map((verdict) => [verdict.id, verdict]));
  return claims.map(({ id }) => byId.get(id)!);
}
