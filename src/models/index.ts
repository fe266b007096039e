/** Every family of networks, and what can be known of a network by its declaration. */
import type { z } from 'zod';
import { countValues } from '../core/host-array.js';
import { UsageError } from '../core/errors.js';
import { checkMembers, checkName, lookUp, register, specSchema } from '../core/registry.js';
import { parseSpec } from '../core/spec.js';
import type { Network } from '../nn/network.js';
import { bertFamily } from './families/bert/family.js';
import { convnetFamily } from './families/plain/convnet.js';
import { convnextFamily } from './families/convnext/family.js';
import { distilbertFamily } from './families/distilbert/family.js';
import type { DataFacts, Family, NetworkHead } from './interface/family.js';
import { layersFamily } from './families/layers/family.js';
import { mlpFamily } from './families/plain/mlp.js';
import { mobilenetFamily } from './families/mobilenet/family.js';
import { resnetFamily } from './families/resnet/family.js';
import { vitFamily } from './families/vit/family.js';

const OWN = {
  resnet: resnetFamily,
  bert: bertFamily,
  distilbert: distilbertFamily,
  vit: vitFamily,
  mobilenet: mobilenetFamily,
  convnext: convnextFamily,
  convnet: convnetFamily,
  mlp: mlpFamily,
  layers: layersFamily,
};

/** Every family by its name. To add one: a file or folder in `families` and a line above, or {@link registerFamily}. */
export const FAMILIES: Record<string, Family> = { ...OWN };

/** Adds a family from outside this folder. Throws UsageError when its name, or that of a preset, is taken. */
export function registerFamily<Spec extends { readonly family: string }>(family: Family<Spec>): void {
  checkMembers('network family', family as Family, {
    ...{ name: 'string', spec: 'schema', network: 'function' },
    ...{ presets: 'object', checkInput: 'function' },
  });
  checkName('network family', FAMILIES, family.name);
  const taken = Object.keys(family.presets).find((name) => presetNames().includes(name));
  if (taken !== undefined) throw new UsageError(`the network "${taken}" is registered already; expected another name`);
  register('network family', FAMILIES, family.name, family);
}

type OwnSpecs = { [Name in keyof typeof OWN]: z.infer<(typeof OWN)[Name]['spec']> };

/** A declaration of the program's own families, told apart by `family`. A registered one has a type of its own. */
export type NetworkSpec = OwnSpecs[keyof OwnSpecs];
/** Schema of a declaration of any network, families registered later included. */
export const NetworkSpec = specSchema('network family', 'family', FAMILIES) as z.ZodType<NetworkSpec>;

/** The family of a declaration. Throws UsageError with the known names. */
export function familyOf(spec: { readonly family: string }): Family {
  return lookUp('network family', FAMILIES, (spec as Partial<typeof spec> | null | undefined)?.family);
}

/** The network that a spec declares. Throws UsageError on a family that is not registered, and a spec that is none. */
export function networkOf(spec: NetworkSpec): Network {
  const family = familyOf(spec);
  return family.network(parseSpec(family.spec, 'network', spec));
}

/** Number of parameters, running statistics not counted. */
export function parameterCount(spec: NetworkSpec): number {
  return countValues(
    Object.fromEntries(Object.entries(networkOf(spec).shapes).map(([path, shape]) => [path, { shape }])),
  );
}

/**
 * What of some data the network cannot read or answer, in one line; undefined when all of it fits. Networks that read
 * tokens need a task of tokens, the others images.
 */
export function inputProblem(spec: NetworkSpec, facts: DataFacts): string | undefined {
  const family = familyOf(spec);
  if ((family.vocabSize === undefined) !== (facts.task === undefined))
    return `a network of the family "${spec.family}" cannot be trained on the data "${facts.set}"`;
  return family.checkInput(spec, facts);
}

/** Different tokens that a network reads; undefined for networks that read none. */
export function vocabSizeOf(spec: NetworkSpec): number | undefined {
  return familyOf(spec).vocabSize?.(spec);
}

/** Tokens of one example that a network reads at most; Infinity where there is no limit. */
export function maxPositionsOf(spec: NetworkSpec): number {
  return familyOf(spec).maxPositions?.(spec) ?? Infinity;
}

/** The head of a network: that of classes where its family says nothing of heads. */
export function headOf(spec: NetworkSpec): NetworkHead {
  return familyOf(spec).head?.(spec) ?? { kind: 'classify', classes: networkOf(spec).width('logits') };
}

/** Names of the families that have a member, for messages. */
export function familiesWith(member: 'published' | 'vary' | 'predict' | 'onnx'): string {
  return Object.keys(FAMILIES)
    .filter((name) => FAMILIES[name]![member] !== undefined)
    .join(', ');
}

/** Names of all published networks. */
export function presetNames(): string[] {
  return Object.values(FAMILIES).flatMap(({ presets }) => Object.keys(presets));
}

/**
 * A published network by its name, of any family or of the given one. Throws UsageError with the known names.
 *
 * @example
 *   preset('resnet50', 'resnet').blocks; // [3, 4, 6, 3]
 */
export function preset(name: string): NetworkSpec;
export function preset<Name extends keyof OwnSpecs>(name: string, family: Name): OwnSpecs[Name];
export function preset(name: string, family?: string): { readonly family: string } {
  const families = family === undefined ? Object.values(FAMILIES) : [lookUp('network family', FAMILIES, family)];
  const presets = Object.fromEntries(families.flatMap((one) => Object.entries(one.presets)));
  return lookUp('network', presets, name);
}
