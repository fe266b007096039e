/**
 * The Random Hierarchy Model: Cagnetta, Petrini, Tomasini, Favero, Wyart 2024, "How deep neural networks learn
 * compositional data" (Phys. Rev. X 14, 031001). A class is a symbol at the top; at each of `levels` levels every
 * symbol is replaced by one of its `synonyms` tuples of `branching` symbols of the level below, drawn at random. No two
 * symbols of a level share a tuple, so the class can be read from the string. A deep net needs some classes *
 * synonyms^levels examples.
 */
import { z } from 'zod';
import { exampleCount } from '../core/magnitudes.js';
import { UsageError } from '../core/errors.js';
import { permutation, rngKey, uniforms } from '../core/rng.js';
import type { Dataset } from './dataset.js';
import type { DatasetDefinition } from './definition.js';
import { memorySource, type ImageSet } from './images.js';

const count = exampleCount();

const HierarchySpec = z.strictObject({
  set: z.literal('hierarchy'),
  /** Symbols at each level, v. */
  vocabulary: z.int().min(2).max(64),
  classes: z.int().min(2).max(256),
  /** Tuples that stand for a symbol, m. At most vocabulary^(branching - 1). */
  synonyms: count,
  levels: z.int().min(1).max(8),
  /** Symbols in a tuple, s. */
  branching: z.int().min(2).max(4),
  /** Seed of the grammar and of the examples; the same for every run. */
  grammar: z.int().min(0),
  train: count,
  validation: count,
  test: count,
});
/** A grammar, and how many of its strings are used. */
export type Hierarchy = Omit<z.infer<typeof HierarchySpec>, 'set'>;

/** Number of different strings that the grammar has. */
export function countStrings({ classes, synonyms, levels, branching }: Hierarchy): number {
  const choices = Array.from({ length: levels }, (_, level) => branching ** level).reduce(
    (sum, symbols) => sum + symbols,
    0,
  );
  return classes * synonyms ** choices;
}

/** rules[level][symbol * synonyms + k]: a tuple as one number in base `vocabulary`. */
function drawRules({ vocabulary, classes, synonyms, levels, branching, grammar }: Hierarchy): Uint32Array[] {
  return Array.from({ length: levels }, (_, level) => {
    const symbols = level === 0 ? classes : vocabulary;
    return permutation(rngKey(grammar, 'rules', level), vocabulary ** branching).slice(0, symbols * synonyms);
  });
}

/** The string of draw `n`, as symbols. */
function drawString(spec: Hierarchy, rules: readonly Uint32Array[], n: number): { label: number; symbols: number[] } {
  const { vocabulary, classes, synonyms, branching, levels, grammar } = spec;
  const choices = Array.from({ length: levels }, (_, level) => branching ** level).reduce(
    (sum, symbols) => sum + symbols,
    0,
  );
  const u = uniforms(rngKey(grammar, 'strings'), choices + 1, n * (choices + 1));
  const label = Math.floor(u[0]! * classes);
  let symbols = [label];
  let used = 1;
  for (const rule of rules) {
    symbols = symbols.flatMap((symbol) => {
      let tuple = rule[symbol * synonyms + Math.floor(u[used++]! * synonyms)]!;
      return Array.from({ length: branching }, () => {
        const one = tuple % vocabulary;
        tuple = Math.floor(tuple / vocabulary);
        return one;
      });
    });
  }
  return { label, symbols };
}

/**
 * Strings as images of one row, one channel for each symbol (zero mean, unit variance); no string occurs twice. Throws
 * UsageError where the grammar has too few tuples for its symbols, or too few strings for the splits.
 */
export function loadHierarchy(spec: Hierarchy): Dataset {
  const { vocabulary, classes, synonyms, branching, levels } = spec;
  const total = spec.train + spec.validation + spec.test;
  if (synonyms * Math.max(classes, vocabulary) > vocabulary ** branching) {
    throw new UsageError(
      `data: expected synonyms x symbols of at most vocabulary^branching = ${vocabulary ** branching} tuples, ` +
        `got ${synonyms} x ${Math.max(classes, vocabulary)}`,
    );
  }
  if (total > countStrings(spec) / 2) {
    throw new UsageError(
      `data: ${total} different strings were asked for, the grammar has ${countStrings(spec)} and at most half can ` +
        'be drawn; raise levels or synonyms',
    );
  }
  const rules = drawRules(spec);
  const length = branching ** levels;
  const seen = new Set<string>();
  const [high, low] = [Math.sqrt(vocabulary - 1), -1 / Math.sqrt(vocabulary - 1)];
  const images = new Float32Array(total * length * vocabulary).fill(low);
  const labels = new Uint8Array(total);
  for (let n = 0; seen.size < total; n++) {
    const { label, symbols } = drawString(spec, rules, n);
    const key = symbols.join();
    if (seen.has(key)) continue;
    const i = seen.size;
    seen.add(key);
    labels[i] = label;
    symbols.forEach((symbol, at) => (images[(i * length + at) * vocabulary + symbol] = high));
  }
  const part = (from: number, count: number): ImageSet => ({
    images: images.subarray(from * length * vocabulary, (from + count) * length * vocabulary),
    labels: labels.subarray(from, from + count),
    height: 1,
    width: length,
    channels: vocabulary,
  });
  return {
    shape: [1, length, vocabulary],
    classes,
    train: memorySource(part(0, spec.train)),
    validation: memorySource(part(spec.train, spec.validation)),
    test: memorySource(part(spec.train + spec.validation, spec.test)),
  };
}

/** Strings of a random grammar, made by the program. */
export const hierarchy: DatasetDefinition<z.infer<typeof HierarchySpec>> = {
  name: 'hierarchy',
  spec: HierarchySpec,
  open: loadHierarchy,
  shape: ({ branching, levels, vocabulary }) => [1, branching ** levels, vocabulary],
  known: ({ classes, train }) => ({ classes, train }),
  heldOutCounts: ({ validation, test }) => ({ validation, test }),
};
