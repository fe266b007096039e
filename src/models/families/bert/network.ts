/**
 * BERT: Devlin, Chang, Lee, Toutanova 2019, as Hugging Face has it. Post-layer-norm blocks, learned positions, segment
 * embeddings, a pooler on the first token. Input: whole numbers [B, 3, T], the tokens' indices, their segments, and 1
 * where there is a token and 0 where there is padding; or [B, 4, T], whose last row begins with the masked positions
 * that a masked-LM head is asked for. Letters: B batch, T tokens, H hiddenSize, V vocabSize, P maskedPositions.
 */
import { z } from 'zod';
import { layerCount, width } from '../../../core/magnitudes.js';
import { parseSpec } from '../../../core/spec.js';
import { UsageError } from '../../../core/errors.js';
import { plusBias, productWithTurned } from '../../../engine/ops/matrix.js';
import { tf, type Tensor, type Tensor1D, type Tensor2D } from '../../../engine/tensor.js';
import { ACTIVATIONS, dense, parameter, type Scope } from '../../../nn/layers.js';
import type { Network } from '../../../nn/network.js';
import {
  asRows,
  denseGelu,
  denseNorm,
  drops,
  dropout,
  embed,
  firstToken,
  headSizeOf,
  isDivided,
  layerNorm,
  rowsAt,
  rowsOf,
  scoreBias,
  selfAttention,
  UNDIVIDED,
} from '../../../nn/transformer.js';
import { applyTaps, tapsBetween } from '../../parts/apply-taps.js';
import {
  constantLayer,
  denseLayer,
  embeddingLayer,
  layerNormLayer,
  operation,
  tableOf,
  type Layer,
} from '../../parts/layer-table.js';

const size = width();

/** Fields of encoders that are like BERT: how much is read. */
export const READING = {
  /** Different tokens. */
  vocabSize: size,
  /** Longest sequence. */
  maxPositions: size,
} as const;

/** Fields of encoders that are like BERT: how large their layers are. */
export const LAYERS = {
  /** Channels between the blocks. */
  hiddenSize: size,
  numLayers: layerCount(),
  numHeads: size,
  /**
   * Channels of a head: hiddenSize / numHeads, as published, unless it is said here, so that a net can be wider within
   * its blocks only.
   */
  headSize: size.optional(),
  /** Width of the hidden layer of a block's second half. */
  intermediateSize: size,
  /**
   * Standard deviation of initial kernels and embeddings. Published: 0.02, for 768 channels; narrow nets need more.
   */
  initializerRange: z.number().positive().optional(),
} as const;

/**
 * Rate of dropout in training: after the embeddings, of the attention's weights, after each block's halves, before a
 * classifier. Published: 0.1.
 */
export const DROPOUT = z.number().min(0).max(0.9).default(0);

/** Heads that have a size: of a masked language model, and of a classifier. */
export const SIZED_HEADS = [
  z.strictObject({ kind: z.literal('masked-lm'), maskedPositions: size.optional() }),
  z.strictObject({ kind: z.literal('classify'), classes: width(2) }),
] as const;

/**
 * Schema of a BERT. Keys are the fields of Hugging Face's `BertConfig` in camel case, without `num_hidden` and
 * `num_attention` and `embeddings` where that leaves one meaning; `headSize`, `distance` and `head` have no field
 * there.
 */
export const BertSpec = z
  .strictObject({
    family: z.literal('bert'),
    ...READING,
    /** Different segments: texts of a pair. */
    typeVocabSize: size.default(2),
    ...LAYERS,
    /**
     * A fixed bias of the attention's scores, not of the published network: half of the heads see what stands before a
     * token and half what stands after it, `slope` less for each token farther away (Press et al. 2022), half as much
     * in every next pair of heads. Small nets learn nothing of a token's neighbors without it for thousands of steps.
     */
    distance: z.strictObject({ slope: z.number().positive() }).optional(),
    dropout: DROPOUT,
    /**
     * What reads the last layer. `pooler`: a dense layer with tanh on the first token. `masked-lm`: scores of the
     * vocabulary by the word embeddings, [B, T, V] at every token, or [B, P, V] at the first `maskedPositions` of the
     * input's last row. `classify`: the pooler, then classes. `span`: a score of every token as the start, and as the
     * end, [B, 2, T].
     */
    head: z.discriminatedUnion('kind', [z.strictObject({ kind: z.enum(['none', 'pooler', 'span']) }), ...SIZED_HEADS]),
  })
  .refine(isDivided, UNDIVIDED);
/** The declaration of a BERT. */
export type BertSpec = z.infer<typeof BertSpec>;

/** An encoder that is like BERT. */
export type EncoderSpec = Omit<BertSpec, 'family' | 'typeVocabSize'> & {
  /** Different segments; left out where the encoder does not tell segments apart. */
  readonly typeVocabSize?: number;
  /** What follows the pooler's dense layer; `tanh` by default. */
  readonly poolerActivation?: keyof typeof ACTIVATIONS;
};

/** Added to the variance by the layer norms. */
export const BERT_EPSILON = 1e-12;
const INITIAL = 0.02;

/** Tokens of an example [rows, T]. */
function tokensOf(shape: readonly number[]): number {
  return shape.at(-1)!;
}

/** The layers of the head. */
function headLayers({ head, hiddenSize: hidden, vocabSize, ...spec }: EncoderSpec): Layer[] {
  const dense = { init: { std: spec.initializerRange ?? INITIAL }, reads: 'hidden', tap: 'logits' } as const;
  const pooler = denseLayer({ ...dense, path: 'pooler', tap: 'pooled', shape: [hidden, hidden], writes: 'pooled' });
  switch (head.kind) {
    case 'none':
      return [];
    case 'pooler':
      return [pooler];
    case 'classify': {
      const shape = [hidden, head.classes] as const;
      return [pooler, denseLayer({ ...dense, path: 'head', shape, reads: 'pooled', writes: 'classes' })];
    }
    case 'span':
      return [denseLayer({ ...dense, path: 'head', shape: [hidden, 2], writes: 'ends', positions: tokensOf })];
    case 'masked-lm': {
      const positions = head.maskedPositions === undefined ? tokensOf : () => head.maskedPositions!;
      return [
        denseLayer({ ...dense, path: 'head/transform', shape: [hidden, hidden], writes: 'hidden', positions }),
        layerNormLayer('head/norm', 'logits', hidden, 'hidden'),
        constantLayer('head/bias', 'logits', vocabSize, 'vocabulary'),
        operation('logits', (shape) => 2 * positions(shape) * hidden * vocabSize), // by the word embeddings
      ];
    }
  }
}

/** The layers of one block: attention and what follows it, each with its norm. */
function blockLayers(spec: EncoderSpec, layer: string): Layer[] {
  const { hiddenSize: hidden, intermediateSize } = spec;
  const attention = `${layer}/attention`;
  const [stream, mixed, inner] = [
    ['hidden', hidden],
    [`${layer}/heads`, spec.numHeads * headSizeOf(spec)],
    [`${layer}/inner`, intermediateSize],
  ] as const;
  const dense = (
    path: string,
    tap: string,
    [reads, inputs]: readonly [string, number],
    [writes, outputs]: readonly [string, number],
  ): Layer =>
    denseLayer({
      ...{ path, tap, reads, writes, shape: [inputs, outputs], init: { std: spec.initializerRange ?? INITIAL } },
      positions: tokensOf,
    });
  return [
    ...['query', 'key', 'value'].map((name) => dense(`${attention}/${name}`, attention, stream, mixed)),
    operation(attention, (shape) => 2 * tokensOf(shape) * 2 * tokensOf(shape) * mixed[1]), // scores, and values by them
    dense(`${attention}/output`, attention, mixed, stream),
    layerNormLayer(`${attention}/norm`, attention, hidden, 'hidden'),
    dense(`${layer}/inner`, layer, stream, inner),
    dense(`${layer}/output`, layer, inner, stream),
    layerNormLayer(`${layer}/norm`, layer, hidden, 'hidden'),
  ];
}

/** Every layer, in the order of the forward pass. */
function bertLayers(spec: EncoderSpec, names: readonly string[]): Layer[] {
  const { vocabSize, maxPositions, typeVocabSize, hiddenSize: hidden } = spec;
  const tables = {
    ...{ word: vocabSize, position: maxPositions },
    ...(typeVocabSize !== undefined && { segment: typeVocabSize }),
  };
  const std = spec.initializerRange ?? INITIAL;
  return [
    ...Object.entries(tables).map(([name, rows]) =>
      embeddingLayer(`embeddings/${name}`, 'embeddings', [rows, hidden], [name, 'hidden'], std),
    ),
    layerNormLayer('embeddings/norm', 'embeddings', hidden, 'hidden'),
    ...names.flatMap((layer) => blockLayers(spec, layer)),
    ...headLayers(spec),
  ];
}

/** Taps that a head adds to those of the encoder. */
const HEAD_TAPS: Readonly<Record<EncoderSpec['head']['kind'], readonly string[]>> = {
  none: [],
  pooler: ['pooled'],
  classify: ['pooled', 'logits'],
  span: ['logits'],
  'masked-lm': ['logits'],
};

/** Channels of a head's scores, for examples of this shape where they depend on it. */
function scoresOf({ head, maxPositions, vocabSize }: EncoderSpec, shape?: readonly number[]): number {
  if (head.kind === 'classify') return head.classes;
  return head.kind === 'span' ? (shape?.at(-1) ?? maxPositions) : vocabSize;
}

/**
 * A BERT: x [B, 3 or 4, T] of whole numbers -> its head's output; taps at the embeddings and within every block.
 * Throws UsageError on a spec that is none.
 */
export function bert(given: BertSpec): Network {
  const spec = parseSpec(BertSpec, 'network', given);
  return encoder(spec);
}

/** An encoder that is like BERT, with inputs, outputs and taps as {@link bert} has them. */
export function encoder(spec: EncoderSpec): Network {
  const { numLayers, hiddenSize, head } = spec;
  const names = Array.from({ length: numLayers }, (_, i) => `layer${i + 1}`);
  const last = HEAD_TAPS[head.kind];
  const taps = ['embeddings', ...names.flatMap((layer) => [`${layer}/attention`, layer]), ...last];
  const table = tableOf(bertLayers(spec, names));
  return {
    ...table,
    taps,
    boundaries: { stage: ['embeddings', ...names], block: taps.slice(0, taps.length - last.length) },
    width: (tap, shape) => (tap === 'logits' ? scoresOf(spec, shape) : hiddenSize),
    apply: (scope, x, options = {}) => {
      const input = options.from === undefined ? x : options.input;
      const asked = tapsBetween(taps, options);
      const bias = asked.some((tap) => tap.endsWith('/attention')) ? biasOf(spec, input, x) : undefined;
      const toEnd = options.only === true && asked.at(-1) === taps.at(-1);
      const last = toEnd && readsFew(spec, scope) ? asked.find((tap) => isOf(tap, names.at(-1)!)) : undefined;
      const context = { bias, input, last };
      return applyTaps(taps, (within, tap, value) => step(spec, within, tap, value, context))(scope, x, options);
    },
    readers: (tap) => {
      if (tap === 'pooled' && head.kind === 'classify') return { kernels: ['head/kernel'] };
      const ends = ['pooler/kernel', 'head/kernel', 'head/transform/kernel'];
      if (tap === names.at(-1))
        return { kernels: ends.filter((path) => path in table.shapes && table.owner(path) === last[0]) };
      return { obstacle: 'the skip connection of the next layer adds it unchanged, past every kernel' };
    },
    stream: 'hidden',
    scales: (tap) => ['gamma', 'beta'].map((leaf) => `${tap}/norm/${leaf}`),
    units: Object.fromEntries(names.map((layer) => [`${layer}/heads`, headSizeOf(spec)])),
  };
}

/** The bias of all scores of attention: padding as the input [B, 3 or 4, T] says it, and distance. */
function biasOf({ numHeads, distance }: EncoderSpec, input: Tensor | undefined, x: Tensor): Tensor | undefined {
  const mask = input && tf.cast(row(input, 2), 'float32');
  const tokens = input === undefined ? x.shape[1]! : input.shape[2]!;
  return scoreBias({ numHeads, tokens, mask, slope: distance?.slope });
}

/** One of the rows of the input, [B, T]. */
function row(x: Tensor, index: number): Tensor {
  const [batch, , tokens] = x.shape as [number, number, number];
  return tf.slice(x, [0, index, 0], [batch, 1, tokens]).reshape([batch, tokens]);
}

/** Whether a tap is at the end of this block, or within it. */
function isOf(tap: string, layer: string): boolean {
  return tap === layer || tap === `${layer}/attention`;
}

/**
 * Whether the head reads some of the tokens only, so that the last block need not be computed for the others but for
 * their keys and values. Not where somebody listens to its layers, nor with dropout, whose draws are for all tokens.
 */
function readsFew({ head, dropout: rate }: EncoderSpec, scope: Scope): boolean {
  if (scope.trace !== undefined || drops(scope, rate)) return false;
  if (head.kind === 'masked-lm') return head.maskedPositions !== undefined;
  return head.kind === 'pooler' || head.kind === 'classify';
}

/** What a forward pass has beside the values at its taps. */
interface Context {
  /** What is added to all scores of attention. */
  readonly bias: Tensor | undefined;
  /** The network's own. */
  readonly input: Tensor | undefined;
  /** The tap from which on there are only the tokens that the head reads; undefined where there are all. */
  readonly last: string | undefined;
}

function step(spec: EncoderSpec, scope: Scope, tap: string, x: Tensor, context: Context): Tensor {
  const { bias, input, last } = context;
  if (tap === 'embeddings') return embeddings(spec, scope, x);
  if (tap === 'pooled') return ACTIVATIONS[spec.poolerActivation ?? 'tanh'](dense(scope, 'pooler', firstToken(x)));
  if (tap === 'logits')
    return headOf(spec, scope, spec.head.kind === 'classify' ? dropout(scope, 'pooled', x, spec.dropout) : x, context);
  const dropping = drops(scope, spec.dropout);
  const all = dropping ? rowsOf(x) : asRows(scope, x);
  const read = tap === last ? readTokens(spec, x, input) : undefined;
  const rows = read === undefined ? all : (rowsAt(rowsOf(all), read) as Tensor2D);
  const { numHeads, dropout: dropped } = spec;
  const asking = read && { rows, places: read };
  const inside = tap.endsWith('/attention')
    ? selfAttention(scope, tap, all, { numHeads, tokens: x.shape[1]!, bias, dropped, asking })
    : denseGelu(scope, `${tap}/inner`, rows);
  const path = { dense: `${tap}/output`, norm: `${tap}/norm` };
  const y = dropping
    ? layerNorm(
        scope,
        path.norm,
        tf.add(dropout(scope, tap, dense(scope, path.dense, inside), spec.dropout), rows),
        BERT_EPSILON,
      )
    : denseNorm(scope, path, inside, rows, BERT_EPSILON);
  return rows === x ? y : y.reshape([x.shape[0]!, -1, spec.hiddenSize]);
}

function embeddings(spec: EncoderSpec, scope: Scope, x: Tensor): Tensor {
  const { maxPositions, typeVocabSize, dropout: rate } = spec;
  const tokens = x.shape[2]!;
  if (tokens > maxPositions)
    throw new UsageError(`a sequence of ${tokens} tokens; the network has ${maxPositions} positions`);
  const learned = tf.slice(parameter(scope.params, 'embeddings/position/kernel'), 0, tokens);
  const words = embed(scope, 'embeddings/word', row(x, 0));
  const told = typeVocabSize === undefined ? words : tf.add(words, embed(scope, 'embeddings/segment', row(x, 1)));
  const examples = told.reshape([told.shape[0]!, learned.size]) as Tensor2D;
  const sum = plusBias(examples, learned.flatten()).reshape(told.shape);
  return dropout(scope, 'embeddings', layerNorm(scope, 'embeddings/norm', sum, BERT_EPSILON), rate);
}

/**
 * Which of all tokens the head reads, [B P], where it reads some of x [B, T, H] only: each example's first, or those at
 * the first positions of the input's last row.
 */
function readTokens({ head }: EncoderSpec, x: Tensor, input: Tensor | undefined): Tensor1D {
  const [batch, tokens] = x.shape as [number, number];
  const starts = tf.range(0, batch * tokens, tokens, 'int32');
  if (head.kind !== 'masked-lm') return starts;
  if (input?.shape[1] !== 4)
    throw new UsageError(
      `the input does not say which ${head.maskedPositions} masked positions are asked for; expected [B, 4, T]`,
    );
  const positions = tf.slice(row(input, 3), [0, 0], [batch, head.maskedPositions!]);
  return tf.add(positions, starts.reshape([batch, 1])).flatten();
}

function headOf(spec: EncoderSpec, scope: Scope, all: Tensor, { input, last }: Context): Tensor {
  const { head } = spec;
  if (head.kind !== 'masked-lm') {
    const scores = dense(scope, 'head', rowsOf(all));
    return head.kind === 'span' ? tf.transpose(scores.reshape([...all.shape.slice(0, -1), 2]), [0, 2, 1]) : scores;
  }
  const chosen = head.maskedPositions !== undefined && last === undefined;
  const x = chosen ? (rowsAt(rowsOf(all), readTokens(spec, all, input)) as Tensor2D) : rowsOf(all);
  const rows = layerNorm(scope, 'head/norm', denseGelu(scope, 'head/transform', x), BERT_EPSILON) as Tensor2D;
  const words = parameter(scope.params, 'embeddings/word/kernel') as Tensor2D;
  const bias = parameter(scope.params, 'head/bias') as Tensor1D;
  return plusBias(productWithTurned(rows, words), bias).reshape([all.shape[0]!, -1, words.shape[0]]);
}
