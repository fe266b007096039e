/**
 * BERT: Devlin, Chang, Lee, Toutanova 2019, as Hugging Face has it. Post-layer-norm blocks, learned positions, segment
 * embeddings, a pooler on the first token. Input: whole numbers [B, 3, T], the tokens' indices, their segments, and 1
 * where there is a token and 0 where there is padding; or [B, 4, T], whose last row begins with the places that a
 * masked-LM head is asked for. Letters: B batch, T tokens, H hidden width, V vocabulary, P places.
 */
import { z } from 'zod';
import { UsageError } from '../core/errors.js';
import { tf, type Tensor, type Tensor1D, type Tensor2D } from '../engine/tensor.js';
import type { HostArray } from '../core/host-array.js';
import { constant, scaledNormal } from '../nn/init.js';
import { dense, parameter, type Scope } from '../nn/layers.js';
import type { Network } from '../nn/network.js';
import {
  asRows,
  denseGelu,
  denseNorm,
  drops,
  dropout,
  embed,
  layerNorm,
  rowsOf,
  scoreBias,
  selfAttention,
} from '../nn/transformer.js';
import { tapsBetween, applyTaps } from './apply-taps.js';

const size = z.int().min(1);

export const BertSpec = z
  .strictObject({
    family: z.literal('bert'),
    /** Different tokens. */
    vocabulary: size,
    /** Longest sequence. */
    positions: size,
    segments: size.default(2),
    hidden: size,
    layers: size,
    heads: size,
    /**
     * Channels of a head: hidden / heads, as published, unless it is said here, so that a net can be wider within its
     * blocks only.
     */
    headSize: size.optional(),
    /** Width of the hidden layer of a block's second half. */
    feedforward: size,
    /**
     * Standard deviation of initial kernels and embeddings. Published: 0.02, for 768 channels; narrow nets need more.
     */
    initial: z.number().positive().optional(),
    /**
     * A fixed bias of the attention's scores, not of the published network: half of the heads see what stands before a
     * token and half what stands after it, `slope` less for each token farther away (Press et al. 2022), half as much
     * in every next pair of heads. Small nets learn nothing of a token's neighbours without it for thousands of steps.
     */
    distance: z.strictObject({ slope: z.number().positive() }).optional(),
    /**
     * Rate of dropout in training: after the embeddings, of the attention's weights, after each block's halves, before
     * a classifier. Published: 0.1.
     */
    dropout: z.number().min(0).max(0.9).default(0),
    /**
     * What reads the last layer. `pooler`: a dense layer with tanh on the first token. `masked-lm`: scores of the
     * vocabulary by the word embeddings, [B, T, V] at every token, or [B, P, V] at the first `places` of the input's
     * last row. `classify`: the pooler, then classes. `span`: a score of every token as the start, and as the end, [B,
     * 2, T].
     */
    head: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.enum(['none', 'pooler', 'span']) }),
      z.strictObject({ kind: z.literal('masked-lm'), places: size.optional() }),
      z.strictObject({ kind: z.literal('classify'), classes: z.int().min(2) }),
    ]),
  })
  .refine(({ hidden, heads, headSize }) => headSize !== undefined || hidden % heads === 0, {
    error: 'hidden cannot be divided among the heads; give "headSize"',
  });
export type BertSpec = z.infer<typeof BertSpec>;

/** Channels of a head. */
export function headSizeOf({ hidden, heads, headSize }: BertSpec): number {
  return headSize ?? hidden / heads;
}

const EPSILON = 1e-12;
const INITIAL = 0.02;

type Shape = readonly [number] | readonly [number, number];

interface Part {
  readonly path: string;
  readonly tap: string;
  readonly shape: Shape;
  /** Names of the channels of each axis. */
  readonly axes: readonly string[];
}

function denseParts(
  path: string,
  tap: string,
  [reads, inputs]: readonly [string, number],
  [writes, outputs]: readonly [string, number],
): Part[] {
  return [
    { path: `${path}/kernel`, tap, shape: [inputs, outputs], axes: [reads, writes] },
    { path: `${path}/bias`, tap, shape: [outputs], axes: [writes] },
  ];
}

function normParts(path: string, tap: string, hidden: number): Part[] {
  return ['gamma', 'beta'].map((leaf) => ({ path: `${path}/${leaf}`, tap, shape: [hidden], axes: ['hidden'] }));
}

function headParts({ head, hidden, vocabulary }: BertSpec): Part[] {
  const stream = ['hidden', hidden] as const;
  const pooler = denseParts('pooler', 'pooled', stream, ['pooled', hidden]);
  switch (head.kind) {
    case 'none':
      return [];
    case 'pooler':
      return pooler;
    case 'classify':
      return [...pooler, ...denseParts('head', 'logits', ['pooled', hidden], ['classes', head.classes])];
    case 'span':
      return denseParts('head', 'logits', stream, ['ends', 2]);
    case 'masked-lm':
      return [
        ...denseParts('head/transform', 'logits', stream, ['hidden', hidden]),
        ...normParts('head/norm', 'logits', hidden),
        { path: 'head/bias', tap: 'logits', shape: [vocabulary], axes: ['vocabulary'] },
      ];
  }
}

/** Every parameter, in the order of the forward pass. */
function partsOf(spec: BertSpec): Part[] {
  const { vocabulary, positions, segments, hidden, layers, feedforward } = spec;
  const stream = ['hidden', hidden] as const;
  const table = (name: string, rows: number): Part => ({
    path: `embeddings/${name}/kernel`,
    tap: 'embeddings',
    shape: [rows, hidden],
    axes: [name, 'hidden'],
  });
  const blocks = Array.from({ length: layers }, (_, i) => `layer${i + 1}`).flatMap((layer) => {
    const attention = `${layer}/attention`;
    const mixed = [`${layer}/heads`, spec.heads * headSizeOf(spec)] as const;
    const inner = [`${layer}/inner`, feedforward] as const;
    return [
      ...['query', 'key', 'value'].flatMap((name) => denseParts(`${attention}/${name}`, attention, stream, mixed)),
      ...denseParts(`${attention}/output`, attention, mixed, stream),
      ...normParts(`${attention}/norm`, attention, hidden),
      ...denseParts(`${layer}/inner`, layer, stream, inner),
      ...denseParts(`${layer}/output`, layer, inner, stream),
      ...normParts(`${layer}/norm`, layer, hidden),
    ];
  });
  return [
    table('word', vocabulary),
    table('position', positions),
    table('segment', segments),
    ...normParts('embeddings/norm', 'embeddings', hidden),
    ...blocks,
    ...headParts(spec),
  ];
}

function initPart(seed: number, { path, shape }: Part, deviation: number): HostArray {
  if (path.endsWith('/kernel')) return scaledNormal(seed, path, shape, deviation);
  return constant(shape, path.endsWith('/gamma') ? 1 : 0);
}

export function bert(spec: BertSpec): Network {
  const { layers, hidden, vocabulary, positions, head } = spec;
  const parts = partsOf(spec);
  const tapOf = new Map(parts.map(({ path, tap }) => [path, tap]));
  const names = Array.from({ length: layers }, (_, i) => `layer${i + 1}`);
  const last = {
    none: [],
    pooler: ['pooled'],
    classify: ['pooled', 'logits'],
    span: ['logits'],
    'masked-lm': ['logits'],
  }[head.kind];
  const taps = ['embeddings', ...names.flatMap((layer) => [`${layer}/attention`, layer]), ...last];
  return {
    taps,
    boundaries: { stage: ['embeddings', ...names], block: taps.slice(0, taps.length - last.length) },
    width: (tap) =>
      tap !== 'logits'
        ? hidden
        : head.kind === 'classify'
          ? head.classes
          : head.kind === 'span'
            ? positions
            : vocabulary,
    shapes: Object.fromEntries(parts.map(({ path, shape }) => [path, shape])),
    init: (seed) => ({
      params: Object.fromEntries(parts.map((part) => [part.path, initPart(seed, part, spec.initial ?? INITIAL)])),
      state: {},
    }),
    apply: (scope, x, options = {}) => {
      const input = options.from === undefined ? x : options.input;
      const attends = tapsBetween(taps, options).some((tap) => tap.endsWith('/attention'));
      const mask = input && attends ? tf.cast(row(input, 2), 'float32') : undefined;
      const bias = attends
        ? scoreBias({
            heads: spec.heads,
            tokens: (input ?? x).shape[input ? 2 : 1]!,
            mask,
            slope: spec.distance?.slope,
          })
        : undefined;
      return applyTaps(taps, (within, tap, value) => step(spec, within, tap, value, bias, input))(scope, x, options);
    },
    owner: (path) => {
      const tap = tapOf.get(path);
      if (tap === undefined) throw new RangeError(`no layer has the parameter "${path}"`);
      return tap;
    },
    readers: (tap) => {
      if (tap === 'pooled' && head.kind === 'classify') return { kernels: ['head/kernel'] };
      if (tap === names.at(-1))
        return {
          kernels: parts
            .filter(({ path, tap: at }) => at === last[0] && /^(pooler|head|head\/transform)\/kernel$/.test(path))
            .map(({ path }) => path),
        };
      return { obstacle: 'the skip connection of the next layer adds it unchanged, past every kernel' };
    },
    stream: 'hidden',
    scales: (tap) => ['gamma', 'beta'].map((leaf) => `${tap}/norm/${leaf}`),
    flops: (shape) => flopsOf(spec, shape.at(-1)!),
    axes: Object.fromEntries(parts.map(({ path, axes }) => [path, axes])),
    units: Object.fromEntries(names.map((layer) => [`${layer}/heads`, headSizeOf(spec)])),
  };
}

/** One of the rows of the input, [B, T]. */
function row(x: Tensor, index: number): Tensor {
  const [batch, , tokens] = x.shape as [number, number, number];
  return tf.slice(x, [0, index, 0], [batch, 1, tokens]).reshape([batch, tokens]);
}

function step(
  spec: BertSpec,
  scope: Scope,
  tap: string,
  x: Tensor,
  bias: Tensor | undefined,
  input: Tensor | undefined,
): Tensor {
  if (tap === 'embeddings') return embeddings(spec, scope, x);
  if (tap === 'pooled') return tf.tanh(dense(scope, 'pooler', firstToken(x)));
  if (tap === 'logits')
    return headOf(spec, scope, spec.head.kind === 'classify' ? dropout(scope, 'pooled', x, spec.dropout) : x, input);
  const dropping = drops(scope, spec.dropout);
  const rows = dropping ? rowsOf(x) : asRows(scope, x);
  const inside = tap.endsWith('/attention')
    ? selfAttention(scope, tap, rows, { heads: spec.heads, tokens: x.shape[1]!, bias, dropped: spec.dropout })
    : denseGelu(scope, `${tap}/inner`, rows);
  const path = { dense: `${tap}/output`, norm: `${tap}/norm` };
  const y = dropping
    ? layerNorm(
        scope,
        path.norm,
        tf.add(dropout(scope, tap, dense(scope, path.dense, inside), spec.dropout), rows),
        EPSILON,
      )
    : denseNorm(scope, path, inside, rows, EPSILON);
  return rows === x ? y : y.reshape(x.shape);
}

function embeddings({ positions, dropout: rate }: BertSpec, scope: Scope, x: Tensor): Tensor {
  const tokens = x.shape[2]!;
  if (tokens > positions)
    throw new UsageError(`a sequence of ${tokens} tokens; the network has ${positions} positions`);
  const places = tf.slice(parameter(scope.params, 'embeddings/position/kernel'), 0, tokens);
  const sum = tf.add(
    tf.add(embed(scope, 'embeddings/word', row(x, 0)), embed(scope, 'embeddings/segment', row(x, 1))),
    places,
  );
  return dropout(scope, 'embeddings', layerNorm(scope, 'embeddings/norm', sum, EPSILON), rate);
}

function firstToken(x: Tensor): Tensor2D {
  const [batch, , hidden] = x.shape as [number, number, number];
  return tf.slice(x, [0, 0, 0], [batch, 1, hidden]).reshape([batch, hidden]);
}

/** The values at the first `count` places of the input's last row, [B, P, H]. */
function atPlaces(x: Tensor, input: Tensor, count: number): Tensor {
  const [batch, tokens, hidden] = x.shape as [number, number, number];
  const places = tf.slice(row(input, 3), [0, 0], [batch, count]);
  const flat = tf.add(places, tf.range(0, batch * tokens, tokens, 'int32').reshape([batch, 1])).flatten();
  return tf.gather(x.reshape([batch * tokens, hidden]), flat as Tensor1D).reshape([batch, count, hidden]);
}

function headOf({ head }: BertSpec, scope: Scope, all: Tensor, input: Tensor | undefined): Tensor {
  if (head.kind !== 'masked-lm') {
    const scores = dense(scope, 'head', rowsOf(all));
    return head.kind === 'span' ? tf.transpose(scores.reshape([...all.shape.slice(0, -1), 2]), [0, 2, 1]) : scores;
  }
  if (head.places !== undefined && input?.shape[1] !== 4)
    throw new UsageError(`the input does not say which ${head.places} places are asked for; expected [B, 4, T]`);
  const x = head.places === undefined ? all : atPlaces(all, input!, head.places);
  const rows = layerNorm(scope, 'head/norm', denseGelu(scope, 'head/transform', rowsOf(x)), EPSILON) as Tensor2D;
  const words = parameter(scope.params, 'embeddings/word/kernel') as Tensor2D;
  return tf
    .add(tf.matMul(rows, words, false, true), parameter(scope.params, 'head/bias'))
    .reshape([...x.shape.slice(0, -1), words.shape[0]]);
}

/** Multiply-adds times two of one sequence, by tap. */
function flopsOf(spec: BertSpec, tokens: number): Record<string, number> {
  const { hidden, feedforward, layers, vocabulary, head } = spec;
  const mixed = spec.heads * headSizeOf(spec);
  const flops: Record<string, number> = { embeddings: 0 };
  for (let layer = 1; layer <= layers; layer++) {
    flops[`layer${layer}/attention`] = 2 * tokens * (4 * hidden * mixed + 2 * tokens * mixed);
    flops[`layer${layer}`] = 2 * tokens * 2 * hidden * feedforward;
  }
  if (head.kind === 'pooler' || head.kind === 'classify') flops.pooled = 2 * hidden ** 2;
  if (head.kind === 'classify') flops.logits = 2 * hidden * head.classes;
  if (head.kind === 'span') flops.logits = 2 * tokens * hidden * 2;
  if (head.kind === 'masked-lm') flops.logits = 2 * (head.places ?? tokens) * hidden * (hidden + vocabulary);
  return flops;
}

const PUBLISHED = {
  family: 'bert',
  vocabulary: 30_522,
  positions: 512,
  segments: 2,
  dropout: 0.1,
  head: { kind: 'pooler' },
} as const;

/** Shapes of published encoders, with the English uncased vocabulary. */
export const BERT_PRESETS: Readonly<Record<string, BertSpec>> = {
  'bert-base': { ...PUBLISHED, hidden: 768, layers: 12, heads: 12, feedforward: 3072 },
  'bert-large': { ...PUBLISHED, hidden: 1024, layers: 24, heads: 16, feedforward: 4096 },
  'bert-12x1024': { ...PUBLISHED, hidden: 1024, layers: 12, heads: 16, feedforward: 4096 },
  'minilm-12x384': { ...PUBLISHED, hidden: 384, layers: 12, heads: 12, feedforward: 1536 },
  'minilm-6x384': { ...PUBLISHED, hidden: 384, layers: 6, heads: 12, feedforward: 1536 },
  'tinybert-6x768': { ...PUBLISHED, hidden: 768, layers: 6, heads: 12, feedforward: 3072 },
  'tinybert-4x312': { ...PUBLISHED, hidden: 312, layers: 4, heads: 12, feedforward: 1200 },
};
