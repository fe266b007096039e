/** Every claim, in the order of the page. */
import type { Verdict } from './verdict.js';
import { BERT_CLAIMS } from './bert.js';
import { decideClaim, type Claim, type ClaimInput } from './claim.js';
import { INSTANCE_CLAIMS } from './instances.js';
import { LAW_CLAIMS } from './laws.js';
import { RESNET_CLAIMS } from './resnet.js';

export type { Claim, ClaimInput } from './claim.js';
export { depthGains, pairedDifferences } from './resnet.js';

export const CLAIM_TOPICS = ['theory', 'resnet', 'bert'] as const;
export type ClaimTopic = (typeof CLAIM_TOPICS)[number];

export const CLAIMS: Readonly<Record<ClaimTopic, readonly Claim[]>> = {
  theory: [...LAW_CLAIMS, ...INSTANCE_CLAIMS],
  resnet: RESNET_CLAIMS,
  bert: BERT_CLAIMS,
};
export const ALL_CLAIMS: readonly Claim[] = CLAIM_TOPICS.flatMap((topic) => CLAIMS[topic]);

/** Every claim, decided by the rows of one scale. */
export function decideClaims(input: ClaimInput): Verdict[] {
  return ALL_CLAIMS.map((claim) => decideClaim(claim, input));
}
