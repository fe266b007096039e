/** Every claim, in the order of the page. */
import { FRONTIERS } from '../../experiments/frontiers.js';
import { follow, registerOwn, checkMembers } from '../../src/core/registry.js';
import { BERT_CLAIMS } from './bert.js';
import { groupBy } from '../../src/core/group.js';
import { decideAlone, type Claim, type ClaimInput, type UncorrectedVerdict } from './claim.js';
import { correctFamily, type Corrected } from './family.js';
import { DEPTH_LONG_CLAIMS } from './depth-long.js';
import { frontierClaims } from './frontier.js';
import { INSTANCE_CLAIMS } from './instances.js';
import { LAW_CLAIMS } from './laws.js';
import { LIMIT_CLAIMS } from './limit.js';
import { PICTURE_CLAIMS } from './pictures.js';
import { RESNET_CLAIMS } from './resnet.js';
import { withScale } from './scales.js';
import { SELECTION_CLAIMS } from './selection.js';
import { SQUAD_CLAIMS } from './squad.js';
import type { ScaledVerdict, Verdict } from './verdict.js';

/** Every claim under its id. It stands in the section of the page that is its experiment's group. */
export const CLAIMS: Record<string, Claim> = {};

/** Adds a claim under its own id. Throws UsageError when the id is taken. */
export function registerClaim(claim: Claim): void {
  registerOwn('claim', CLAIMS, 'id', claim, {
    ...{ id: 'string', statement: 'string', source: 'string', rule: 'string' },
    ...{ experiment: 'object', rows: 'function', judge: 'function' },
  });
}

function registerAll(claims: readonly Claim[]): void {
  for (const claim of claims) registerClaim(withScale(claim));
}

registerAll([
  ...LAW_CLAIMS,
  ...LIMIT_CLAIMS,
  ...SELECTION_CLAIMS,
  ...INSTANCE_CLAIMS,
  ...RESNET_CLAIMS,
  ...DEPTH_LONG_CLAIMS,
]);
follow(FRONTIERS, (frontier) => registerAll(frontierClaims(frontier)));
registerAll([...PICTURE_CLAIMS, ...BERT_CLAIMS, ...SQUAD_CLAIMS]);

/** Corrects verdicts of all claims, in their order: of trained nets as one family, of the theory as another. */
function correct<Uncorrected extends UncorrectedVerdict>(
  claims: readonly Claim[],
  verdicts: readonly Uncorrected[],
): Corrected<Uncorrected>[] {
  const families = groupBy(
    claims.map(({ experiment }, i) => ({ kind: experiment.kind, verdict: verdicts[i]! })),
    ({ kind }) => kind,
  );
  const corrected = [...families.values()].flatMap((family) => correctFamily(family.map(({ verdict }) => verdict)));
  const byId = new Map(corrected.map((verdict) => [verdict.id, verdict]));
  return claims.map(({ id }) => byId.get(id)!);
}

/** Every claim, decided by the rows of one scale. */
export function decideClaims(input: ClaimInput): Verdict[] {
  checkMembers('decideClaims', input, { rows: 'array', results: 'array' });
  const claims = Object.values(CLAIMS);
  return correct(
    claims,
    claims.map((claim) => decideAlone(claim, input)),
  );
}

/**
 * Every claim's verdict at the largest scale at which there is one, of inputs by falling scale, and what each other
 * scale says by itself. What is shown together is corrected together, whichever scales it is of.
 */
export function decideScales(inputs: readonly (ClaimInput & { readonly scale: string })[]): ScaledVerdict[] {
  const claims = Object.values(CLAIMS);
  const alone = inputs.map((input) => claims.map((claim) => decideAlone(claim, input)));
  const byScale = alone.map((verdicts) => correct(claims, verdicts));
  const chosen = claims.map((claim, i): UncorrectedVerdict & Pick<ScaledVerdict, 'scale' | 'others'> => {
    const [first, ...rest] = [...inputs.keys()].filter((at) => alone[at]![i]!.outcome !== 'not run');
    if (first === undefined)
      return { ...(alone.at(-1)?.[i] ?? decideAlone(claim, { rows: [], results: [] })), scale: null, others: [] };
    const others = rest.map((at) => {
      const { outcome, evidence } = byScale[at]![i]!;
      return { scale: inputs[at]!.scale, outcome, evidence };
    });
    return { ...alone[first]![i]!, scale: inputs[first]!.scale, others };
  });
  return correct(claims, chosen);
}
