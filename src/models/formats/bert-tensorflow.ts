/**
 * BERTs as Google published them: a TensorFlow checkpoint (`bert_model.ckpt.index` and its data, `bert_config.json`,
 * `vocab.txt`) or the variables of a SavedModel, in the names of google-research/bert, brought into Hugging Face's.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UsageError } from '../../core/errors.js';
import type { HostArray, HostArrays, HostValues } from '../../core/host-array.js';
import type { InputFiles } from '../../core/run.js';
import { INDEX, readTensorBundle } from '../../store/tensor-bundle.js';
import { transpose } from './exchange.js';

/** Where the files of a checkpoint are. */
export interface TensorflowBert {
  /** The index of its tensors. */
  readonly index: string;
  /** Its configuration; a SavedModel need not have one. */
  readonly config: string | undefined;
  readonly vocabulary: string | undefined;
}

/** Where a SavedModel keeps its variables. */
const SAVED_MODEL = join('variables', `variables${INDEX}`);

/**
 * The checkpoint at a path: its index, its name without `.index`, a folder with one, or a SavedModel's; undefined where
 * there is none. Of several in a folder it is the one that the file `checkpoint` names; throws UsageError without that.
 */
export function findTensorflowBert(path: string): TensorflowBert | undefined {
  const index = indexAt(path);
  if (index === undefined) return undefined;
  const folder = dirname(index);
  const root = basename(index) === basename(SAVED_MODEL) ? dirname(folder) : folder;
  const first = (names: readonly string[]): string | undefined =>
    names.map((name) => join(root, name)).find((one) => existsSync(one));
  return {
    index,
    config: first(['config.json', 'bert_config.json', join('assets', 'bert_config.json')]),
    vocabulary: first(['vocab.txt', join('assets', 'vocab.txt')]),
  };
}

function indexAt(path: string): string | undefined {
  if (!existsSync(path)) return existsSync(path + INDEX) ? path + INDEX : undefined;
  if (!statSync(path).isDirectory()) return path.endsWith(INDEX) ? path : undefined;
  const saved = join(path, SAVED_MODEL);
  if (existsSync(saved)) return saved;
  const names = readdirSync(path).filter((name) => name.endsWith(INDEX));
  if (names.length < 2) return names[0] === undefined ? undefined : join(path, names[0]);
  const state = join(path, 'checkpoint');
  const last = existsSync(state) ? /^model_checkpoint_path: "(.*)"/m.exec(readFileSync(state, 'utf8'))?.[1] : undefined;
  if (last !== undefined && names.includes(basename(last) + INDEX)) return join(path, basename(last) + INDEX);
  throw new UsageError(`${path}: several checkpoints in it, ${names.join(', ')}; give the path of one`);
}

/** The files of which {@link readTensorflowBert} and the configuration are read. */
export function checkpointFiles({ index, config }: TensorflowBert): InputFiles[] {
  const data = `${basename(index, INDEX)}.data-`;
  const names = readdirSync(dirname(index)).filter((name) => name.startsWith(data));
  return [
    { path: dirname(index), names: [basename(index), ...names].sort() },
    ...(config === undefined ? [] : [{ path: config }]),
  ];
}

/** What optimizers keep beside the parameters. */
const OPTIMIZER = /(^|\/)(adam_m|adam_v|Adam|Adam_1|global_step|beta[12]_power)$/;
/** The parameters of a BERT, whatever scope of a module they are in. */
const KNOWN = /^(?:.*?\/)??((?:bert|cls)\/.+)$/;
/** Leaves there and here. */
const LEAVES: Readonly<Record<string, string>> = { kernel: 'weight', gamma: 'weight', beta: 'bias' };
/** Variables without a leaf, and what ends with one here. */
const WHOLE: Readonly<Record<string, string>> = {
  'cls.predictions.output_bias': 'cls.predictions.bias',
  'cls.seq_relationship.output_weights': 'cls.seq_relationship.weight',
  'cls.seq_relationship.output_bias': 'cls.seq_relationship.bias',
  'cls.squad.output_weights': 'qa_outputs.weight',
  'cls.squad.output_bias': 'qa_outputs.bias',
  output_weights: 'classifier.weight',
  output_bias: 'classifier.bias',
};

/** `bert.encoder.layer.0.output.dense.weight` for `bert/encoder/layer_0/output/dense/kernel`. */
export function huggingFaceOf(name: string): string {
  const dotted = (KNOWN.exec(name)?.[1] ?? name).replaceAll('/', '.').replace('.layer_', '.layer.');
  if (Object.hasOwn(WHOLE, dotted)) return WHOLE[dotted]!;
  if (dotted.endsWith('_embeddings')) return `${dotted}.weight`;
  const at = dotted.lastIndexOf('.') + 1;
  const leaf = dotted.slice(at);
  return dotted.slice(0, at) + (Object.hasOwn(LEAVES, leaf) ? LEAVES[leaf]! : leaf);
}

/**
 * A checkpoint's parameters in Hugging Face's names and layouts, its optimizer's state left out. Throws UsageError
 * where it is not a BERT's, or two of its names are the same there.
 */
export function readTensorflowBert(index: string): HostArrays<HostValues> {
  const { tensors } = readTensorBundle(index, (name) => !OPTIMIZER.test(name));
  const found = new Map<string, HostArray<HostValues>>();
  for (const [name, value] of Object.entries(tensors)) {
    const there = huggingFaceOf(name);
    if (found.has(there)) throw new UsageError(`${index}: two of its variables are ${there}; expected one BERT`);
    const turns = name.endsWith('/kernel') && value.shape.length === 2 && value.values instanceof Float32Array;
    found.set(there, turns ? transpose(value as HostArray, [1, 0]) : value);
  }
  if (!found.has(WORDS)) {
    const names = Object.keys(tensors);
    throw new UsageError(
      `${index}: no variable "bert/embeddings/word_embeddings"; expected a BERT in the names of ` +
        `google-research/bert, it has ${names.slice(0, 5).join(', ') || 'none'}${names.length > 5 ? ', ...' : ''}`,
    );
  }
  return Object.fromEntries(found);
}

const WORDS = 'bert.embeddings.word_embeddings.weight';
/** Channels of a head in every BERT that Google published. */
const HEAD_SIZE = 64;

/** What `bert_config.json` would say of a checkpoint without one; heads have 64 channels in all that were published. */
export function configFrom(tensors: HostArrays<HostValues>): Readonly<Record<string, unknown>> {
  const sizeIn = (name: string, axis: number): number | undefined => tensors[name]?.shape[axis];
  const layers = Object.keys(tensors).map((name) => Number(/^bert\.encoder\.layer\.(\d+)\./.exec(name)?.[1] ?? -1));
  const hidden = sizeIn(WORDS, 1);
  return {
    vocab_size: sizeIn(WORDS, 0),
    hidden_size: hidden,
    num_hidden_layers: Math.max(...layers) + 1,
    num_attention_heads: Math.max(1, Math.round((hidden ?? 0) / HEAD_SIZE)),
    intermediate_size: sizeIn('bert.encoder.layer.0.intermediate.dense.weight', 0),
    max_position_embeddings: sizeIn('bert.embeddings.position_embeddings.weight', 0),
    type_vocab_size: sizeIn('bert.embeddings.token_type_embeddings.weight', 0),
  };
}
