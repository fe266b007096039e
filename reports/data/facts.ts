/**
 * What an experiment's declaration says of the arm that a row is of. Kept tables have no columns for it: the
 * declaration is the one place where it stands, for them and for new runs alike.
 */
import { EXPERIMENTS } from '../../experiments/registry.js';
import { suggestion } from '../../src/core/errors.js';
import { WIDE_ARM, type Arm, type ArmFacts, type Experiment, type Scale } from '../../src/core/experiment.js';
import { oncePer, remembered } from '../../src/core/memo.js';
import { entryOf } from '../../src/core/registry.js';

/** Facts about an arm that always has a label. */
export type NamedFacts = ArmFacts & { readonly label: string };

function withParameters(name: string, parameters: number): string {
  return `${name}, ${parameters.toLocaleString('en')} parameters`;
}

/** The arm, in tables, of wide nets with so many parameters, where those of one experiment are of several shapes. */
export function wideArmOf(parameters: number): string {
  return withParameters(WIDE_ARM, parameters);
}

/** What is known of a wide net that others require and no experiment declares; undefined for other arms. */
function wideFacts(arm: string, parameters: unknown): ArmFacts | undefined {
  const known = { learnsFrom: 'labels', reference: true } as const;
  if (arm === WIDE_ARM) return { label: WIDE_LABEL, ...known };
  if (typeof parameters !== 'number' || arm !== wideArmOf(parameters)) return undefined;
  return { label: withParameters(WIDE_LABEL, parameters), ...known };
}
const WIDE_LABEL = 'wide net';

/** What was asked for of each experiment, by scale and by row: making the arms takes some milliseconds. */
interface Known {
  readonly arms: Map<string, Readonly<Record<string, Arm>>>;
  /** Names of arms at a scale, or of all scales where none is declared at that one. */
  readonly names: Map<string, ReadonlySet<string>>;
  readonly facts: Map<string, NamedFacts>;
}
const knownOf = oncePer<Experiment, Known>(() => ({ arms: new Map(), names: new Map(), facts: new Map() }));

/** The arms that an experiment declares at a scale, made once. */
export function armsAt(experiment: Experiment, scale: string): Readonly<Record<string, Arm>> {
  return remembered(knownOf(experiment).arms, scale, () => experiment.arms(scale as Scale));
}

/**
 * What is wrong with an arm's name, in words: that its experiment declares no such arm at the scale, or at any where it
 * is not declared at that one. Undefined for one that is declared, for wide nets that others require, which
 * `parameters` tells where they are of several shapes, and for experiments that nobody declares here.
 */
export function undeclaredArm(name: string, scale: string, arm: string, parameters?: unknown): string | undefined {
  const experiment = entryOf(EXPERIMENTS, name);
  if (experiment === undefined || wideFacts(arm, parameters) !== undefined) return undefined;
  // logged rows whose final figures could not be read: what is wrong with these is said already
  if (parameters === undefined && arm.startsWith(`${WIDE_ARM}, `)) return undefined;
  const { seeds } = experiment;
  const declared = remembered(knownOf(experiment).names, scale, () => {
    const scales = Object.hasOwn(seeds, scale) ? [scale] : Object.keys(seeds);
    return new Set(scales.flatMap((one) => Object.keys(armsAt(experiment, one))));
  });
  if (declared.has(arm)) return undefined;
  return `${name} declares no arm "${arm}" at scale ${scale}.${suggestion(arm, [...declared])}`;
}

/**
 * Facts about an arm of an experiment: those declared at the scale, else at another one, as they do not depend on it.
 * An arm that is not declared (a spec of the user's own) has its name for a label and the experiment's baseline; a wide
 * net that others require, which `parameters` tells where they are of several shapes, is what they are measured by.
 */
export function factsOf(name: string, scale: string, arm: string, parameters?: unknown): NamedFacts {
  const experiment = entryOf(EXPERIMENTS, name);
  if (experiment === undefined) return { label: arm };
  return remembered(knownOf(experiment).facts, JSON.stringify([scale, arm, parameters]), () => {
    const scales = [scale, ...Object.keys(experiment.seeds)].filter((one) => Object.hasOwn(experiment.seeds, one));
    const at = (one: string): Arm | undefined => entryOf(armsAt(experiment, one), arm);
    const {
      baseline = experiment.baseline,
      label = arm,
      factors,
      learnsFrom,
      reference,
    } = scales.reduce((found: ArmFacts | undefined, one) => found ?? at(one), undefined) ??
    wideFacts(arm, parameters) ??
    {};
    return {
      label,
      ...(baseline !== undefined && { baseline }),
      ...(factors !== undefined && { factors }),
      ...(learnsFrom !== undefined && { learnsFrom }),
      ...(reference !== undefined && { reference }),
    };
  });
}
