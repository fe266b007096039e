/** Every claim, in the order of the page. */
import { register } from '../../src/core/registry.js';
import { BERT_CLAIMS } from './bert.js';
import { decideClaim, type Claim, type ClaimInput } from './claim.js';
import { INSTANCE_CLAIMS } from './instances.js';
import { LAW_CLAIMS } from './laws.js';
import { RESNET_CLAIMS } from './resnet.js';
import type { Verdict } from './verdict.js';

/** Every claim under its id. It stands in the section of the page that is its experiment's group. */
export const CLAIMS: Record<string, Claim> = {};

/** Adds a claim under its own id. Throws UsageError when the id is taken. */
export function registerClaim(claim: Claim): void {
  register('claim', CLAIMS, claim.id, claim);
}

for (const claim of [...LAW_CLAIMS, ...INSTANCE_CLAIMS, ...RESNET_CLAIMS, ...BERT_CLAIMS]) registerClaim(claim);

/** Every claim, decided by the rows of one scale. */
export function decideClaims(input: ClaimInput): Verdict[] {
  return Object.values(CLAIMS).map((claim) => decideClaim(claim, input));
}
