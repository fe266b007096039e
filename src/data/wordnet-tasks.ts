/**
 * Tasks with real labels that come with the package. `supersense`: the lexicographer's file, of 45, that a gloss
 * belongs to (Ciaramita, Johnson 2003). `hypernym`: two glosses, whether the second synset is what the first is a kind
 * of. A gloss is in the split that it has in the corpus, so that a network which was trained on the corpus before has
 * not seen the held-out ones.
 */
import { z } from 'zod';
import { groupBy } from '../core/group.js';
import { exampleCount } from '../core/magnitudes.js';
import { permutation, rngKey, uniforms } from '../core/rng.js';
import { largest } from '../core/stats.js';
import { divideBlocks, glosses, SPLITS, type Split } from '../text/corpus.js';
import type { OnStage } from '../text/rows.js';
import { readWordNet, SUPERSENSES, type Synset } from '../text/wordnet.js';
import type { Dataset } from './dataset.js';
import type { DatasetDefinition } from './definition.js';
import {
  checkVocabulary,
  CORPUS_FIELDS,
  openTokenizer,
  sample,
  textSource,
  tokenizerFiles,
  vocabularySize,
  type TextExample,
} from './texts.js';

const count = exampleCount();

const WordNetTaskSpec = z.strictObject({
  set: z.literal('wordnet-task'),
  task: z.enum(['supersense', 'hypernym']),
  ...CORPUS_FIELDS,
  corpus: z.literal('glosses'),
  /** Examples that are used of the training split, and of each held-out one; all by default. */
  train: count.optional(),
  held: count.optional(),
  /**
   * Right answers are logged by block of the test split too: 50 glosses that are neighbors in WordNet's files, of a
   * stratified split half of them.
   */
  blocks: z.literal(true).optional(),
  /**
   * The held-out blocks are dealt out gloss by gloss, so that validation and test have the same share of every class;
   * unless given, each is blocks of neighbors of its own. The training split, and what training before it saw, stay.
   */
  split: z.literal('stratified').optional(),
});
/** A task on WordNet's glosses. */
type WordNetTaskSpec = z.infer<typeof WordNetTaskSpec>;

/** How many classes a task has: 45 supersenses, or right and wrong. */
function wordNetClasses(task: WordNetTaskSpec['task']): number {
  return task === 'supersense' ? SUPERSENSES.length : 2;
}

interface Placed extends Synset {
  readonly split: Split;
  readonly block: number;
}

/** Synsets with a gloss of their own, in the order of the files. */
function placed(heldOut: number): Placed[] {
  const blocks = new Map([...glosses()].map(({ text, block }) => [text, block]));
  const splitOf = divideBlocks(largest(blocks.values()) + 1, heldOut);
  const seen = new Set<string>();
  return readWordNet().flatMap((synset) => {
    if (seen.has(synset.gloss)) return [];
    seen.add(synset.gloss);
    const block = blocks.get(synset.gloss)!;
    return [{ ...synset, split: splitOf(block), block }];
  });
}

function supersenses(synsets: readonly Placed[], split: Split): TextExample[] {
  return synsets
    .filter((synset) => synset.split === split)
    .map(({ gloss, supersense, block }) => ({ text: gloss, label: supersense, block }));
}

/** Draws of a wrong hypernym before a pair is left as it is. */
const DRAWS = 20;

/**
 * A pair for each synset of the split that has a hypernym; in half of them, the hypernym of another synset of the same
 * supersense, which is none of this one's ancestors. The second gloss is one of the training split's, so that training
 * has seen no held-out gloss on either side.
 */
function hypernyms(synsets: readonly Placed[], split: Split): TextExample[] {
  const byId = new Map(synsets.map((synset) => [synset.id, synset]));
  const parentsOf = ({ hypernyms: ids }: Synset): Placed[] => ids.flatMap((id) => byId.get(id) ?? []);
  const usable = (synset: Synset): Placed | undefined => parentsOf(synset).find((parent) => parent.split === 'train');
  const children = synsets.filter((synset) => usable(synset) !== undefined);
  const kin = groupBy(children, ({ supersense }) => supersense);
  const ancestorsOf = (synset: Synset): Set<string> => {
    const [found, open] = [new Set<string>(), [synset as Synset]];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      for (const parent of parentsOf(next)) {
        if (found.has(parent.id)) continue;
        found.add(parent.id);
        open.push(parent);
      }
    }
    return found;
  };
  return children
    .filter((synset) => synset.split === split)
    .map((synset) => {
      const right = usable(synset)!;
      const [side, ...draws] = uniforms(rngKey(0, 'hypernym', synset.id), 1 + DRAWS);
      const cousins = kin.get(synset.supersense)!;
      const ancestors = side! < 0.5 ? ancestorsOf(synset) : undefined;
      const wrong =
        ancestors &&
        draws
          .map((draw) => usable(cousins[Math.floor(draw * cousins.length)]!)!)
          .find(({ id }) => !ancestors.has(id) && id !== synset.id);
      const label = wrong === undefined ? 1 : 0;
      return { text: synset.gloss, pair: (wrong ?? right).gloss, label, block: synset.block };
    });
}

/** Examples of a task by split. */
type BySplit = Readonly<Record<Split, readonly TextExample[]>>;

/**
 * Deals the held-out examples out anew: of each label, in an order that is drawn once and for all, one to the
 * validation split and the next to the test split. Both keep the order of the files.
 */
function stratified({ train, validation, test }: BySplit, task: string): BySplit {
  const held = [...validation, ...test].sort((a, b) => a.block! - b.block!);
  const byLabel = groupBy(held.keys(), (i) => held[i]!.label);
  const inTest = new Set<number>();
  let dealt = 0;
  for (const [label, places] of byLabel)
    for (const at of permutation(rngKey(0, 'stratified', task, label), places.length))
      if (dealt++ % 2 === 1) inTest.add(places[at]!);
  return { train, validation: held.filter((_, i) => !inTest.has(i)), test: held.filter((_, i) => inTest.has(i)) };
}

/** Opens a task; its examples are [3, T]. Throws UsageError as the corpus does. */
async function openWordNetTask(spec: WordNetTaskSpec, onStage?: OnStage): Promise<Dataset> {
  const tokenizer = await openTokenizer(spec, onStage);
  const synsets = placed(spec.heldOut);
  const examples = spec.task === 'supersense' ? supersenses : hypernyms;
  const declared = Object.fromEntries(SPLITS.map((split) => [split, examples(synsets, split)])) as unknown as BySplit;
  const bySplit = spec.split === 'stratified' ? stratified(declared, spec.task) : declared;
  const [train, validation, test] = SPLITS.map((split) =>
    textSource(
      { tokenizer, tokens: spec.tokens },
      sample(
        bySplit[split].map(({ block, ...example }) =>
          spec.blocks === true && split === 'test' ? { ...example, block: block! } : example,
        ),
        (split === 'train' ? spec.train : spec.held) ?? Infinity,
        `${spec.task} ${split}`,
      ),
    ),
  );
  return {
    shape: [3, spec.tokens],
    classes: wordNetClasses(spec.task),
    vocabulary: tokenizer.vocabulary.length,
    train: train!,
    validation: validation!,
    test: test!,
  };
}

/** Tasks on WordNet's glosses, which come with the program. */
export const wordNetTask: DatasetDefinition<WordNetTaskSpec> = {
  name: 'wordnet-task',
  spec: WordNetTaskSpec,
  check: checkVocabulary,
  open: openWordNetTask,
  files: tokenizerFiles,
  shape: ({ tokens }) => [3, tokens],
  task: (spec) => ({ head: 'classify', classes: wordNetClasses(spec.task), ...vocabularySize(spec) }),
  known: ({ train, task }) => ({ classes: wordNetClasses(task), ...(train !== undefined && { train }) }),
  heldOutCounts: ({ held }) => ({ validation: held, test: held }),
  tokenizer: openTokenizer,
  labels: ({ task }) => (task === 'supersense' ? SUPERSENSES : undefined),
};
