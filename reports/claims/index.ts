/** Every claim, in the order of the page. */
import type { Verdict } from '../verdict.js';
import { BERT_CLAIMS } from './bert.js';
import type { Claim, ClaimInput } from './claim.js';
import { INSTANCE_CLAIMS } from './instances.js';
import { LAW_CLAIMS } from './laws.js';
import { RESNET_CLAIMS } from './resnet.js';

export type { ClaimInput } from './claim.js';
export { depthGains, pairedDifferences } from './resnet.js';

export const CLAIMS: readonly Claim[] = [...LAW_CLAIMS, ...INSTANCE_CLAIMS, ...RESNET_CLAIMS, ...BERT_CLAIMS];

/** Every claim, decided by the rows of one scale. */
export function decideClaims(input: ClaimInput): Verdict[] {
  return CLAIMS.map((claim) => claim(input));
}
