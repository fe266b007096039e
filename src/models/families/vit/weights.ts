/**
 * Weights of vision transformers under the names of timm and of torchvision. Dense kernels are [out, in] there and [in,
 * out] here; query, key and value are one kernel there; the patches' kernel is that of a convolution, [D, C, P, P].
 */
import { z } from 'zod';
import { UsageError } from '../../../core/errors.js';
import { sizeOf, type HostArray, type HostArrays, type HostValues } from '../../../core/host-array.js';
import type { HostWeights } from '../../../nn/network.js';
import { headSizeOf } from '../../../nn/transformer.js';
import { readSafetensors, writeSafetensors } from '../../../store/safetensors.js';
import { checkHeads } from '../../formats/encoder-weights.js';
import type { FileFacts } from '../../interface/family.js';
import { fileMetadata, takeArrays, transpose } from '../../formats/exchange.js';
import { checkBeside, type FamilyConfig } from '../../formats/huggingface-folder.js';
import { vit, VIT_EPSILON, vitTokens, type VitSpec } from './network.js';

/** What a library calls the parts of a network; a block's parts stand after the block's own name. */
interface Naming {
  readonly class: string;
  readonly position: string;
  readonly patch: string;
  readonly block: (index: number) => string;
  readonly attentionNorm: string;
  /** Query, key and value: kernel and bias. */
  readonly mixed: readonly [string, string];
  readonly attentionOutput: string;
  readonly norm: string;
  readonly inner: string;
  readonly output: string;
  readonly lastNorm: string;
  readonly head: string;
}

const NAMINGS: Readonly<Record<'timm' | 'torchvision', Naming>> = {
  timm: {
    class: 'cls_token',
    position: 'pos_embed',
    patch: 'patch_embed.proj',
    block: (index) => `blocks.${index}`,
    attentionNorm: 'norm1',
    mixed: ['attn.qkv.weight', 'attn.qkv.bias'],
    attentionOutput: 'attn.proj',
    norm: 'norm2',
    inner: 'mlp.fc1',
    output: 'mlp.fc2',
    lastNorm: 'norm',
    head: 'head',
  },
  torchvision: {
    class: 'class_token',
    position: 'encoder.pos_embedding',
    patch: 'conv_proj',
    block: (index) => `encoder.layers.encoder_layer_${index}`,
    attentionNorm: 'ln_1',
    mixed: ['self_attention.in_proj_weight', 'self_attention.in_proj_bias'],
    attentionOutput: 'self_attention.out_proj',
    norm: 'ln_2',
    inner: 'mlp.0',
    output: 'mlp.3',
    lastNorm: 'encoder.ln',
    head: 'heads.head',
  },
};

/** An array there, and how it is made of ours and taken apart. */
interface Entry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly paths: readonly string[];
  readonly write: (own: readonly HostArray[]) => HostArray;
  readonly read: (there: HostArray) => readonly HostArray[];
}

/** Tensors with the same numbers in the same order, under another shape there. */
function reshaped(name: string, path: string, shape: readonly number[], own: readonly number[]): Entry {
  return {
    ...{ name, shape, paths: [path] },
    write: ([array]) => ({ shape, values: array!.values }),
    read: ({ values }) => [{ shape: own, values }],
  };
}

function norm(name: string, path: string, channels: number): Entry[] {
  return [
    reshaped(`${name}.weight`, `${path}/gamma`, [channels], [channels]),
    reshaped(`${name}.bias`, `${path}/beta`, [channels], [channels]),
  ];
}

/** Dense layers of one input, which are one there: their outputs one after the other. */
function joined(
  [kernel, bias]: readonly [string, string],
  paths: readonly string[],
  inputs: number,
  outputs: number,
): Entry[] {
  const concatenated = (arrays: readonly HostArray[], shape: readonly number[]): HostArray => {
    const values = new Float32Array(sizeOf(shape));
    arrays.forEach((array, i) => values.set(array.values, i * array.values.length));
    return { shape, values };
  };
  const parts = ({ values }: HostArray, shape: readonly number[]): HostArray[] =>
    paths.map((_, i) => ({ shape, values: values.slice(i * sizeOf(shape), (i + 1) * sizeOf(shape)) }));
  const all = paths.length * outputs;
  return [
    {
      ...{ name: kernel, shape: [all, inputs], paths: paths.map((path) => `${path}/kernel`) },
      write: (own) =>
        concatenated(
          own.map((array) => transpose(array, [1, 0])),
          [all, inputs],
        ),
      read: (there) => parts(there, [outputs, inputs]).map((array) => transpose(array, [1, 0])),
    },
    {
      ...{ name: bias, shape: [all], paths: paths.map((path) => `${path}/bias`) },
      write: (own) => concatenated(own, [all]),
      read: (there) => parts(there, [outputs]),
    },
  ];
}

function dense(name: string, path: string, inputs: number, outputs: number): Entry[] {
  return joined([`${name}.weight`, `${name}.bias`], [path], inputs, outputs);
}

function patchKernel(name: string, { patchSize: side, channels, hiddenSize }: VitSpec): Entry {
  return {
    ...{ name, shape: [hiddenSize, channels, side, side], paths: ['embeddings/patch/kernel'] },
    write: ([array]) => transpose({ ...array!, shape: [side, side, channels, hiddenSize] }, [3, 2, 0, 1]),
    read: (there) => [{ ...transpose(there, [2, 3, 1, 0]), shape: [side * side * channels, hiddenSize] }],
  };
}

function entriesOf(spec: VitSpec, naming: Naming): Entry[] {
  const { hiddenSize: hidden, intermediateSize: inner, numLayers, classes } = spec;
  const [mixed, tokens] = [spec.numHeads * headSizeOf(spec), vitTokens(spec)];
  const blocks = Array.from({ length: numLayers }, (_, i): Entry[] => {
    const [there, layer] = [naming.block(i), `layer${i + 1}`];
    const of = (name: string): string => `${there}.${name}`;
    const attention = ['query', 'key', 'value'].map((name) => `${layer}/attention/${name}`);
    return [
      ...norm(of(naming.attentionNorm), `${layer}/attention/norm`, hidden),
      ...joined([of(naming.mixed[0]), of(naming.mixed[1])], attention, hidden, mixed),
      ...dense(of(naming.attentionOutput), `${layer}/attention/output`, mixed, hidden),
      ...norm(of(naming.norm), `${layer}/norm`, hidden),
      ...dense(of(naming.inner), `${layer}/inner`, hidden, inner),
      ...dense(of(naming.output), `${layer}/output`, inner, hidden),
    ];
  });
  return [
    reshaped(naming.class, 'embeddings/class/kernel', [1, 1, hidden], [1, hidden]),
    reshaped(naming.position, 'embeddings/position/kernel', [1, tokens, hidden], [tokens, hidden]),
    patchKernel(`${naming.patch}.weight`, spec),
    reshaped(`${naming.patch}.bias`, 'embeddings/patch/bias', [hidden], [hidden]),
    ...blocks.flat(),
    ...norm(naming.lastNorm, 'norm', hidden),
    ...dense(naming.head, 'head', hidden, classes),
  ];
}

/**
 * A vision transformer's arrays under the names of timm (DeiT's, too) or of torchvision. Throws UsageError where the
 * heads together are not as wide as the rest, which neither has.
 */
export function exportVit(spec: VitSpec, { params }: HostWeights, naming: keyof typeof NAMINGS = 'timm'): HostArrays {
  checkHeads('published vision transformers have', spec);
  return Object.fromEntries(
    entriesOf(spec, NAMINGS[naming]).map(({ name, paths, write }) => [name, write(paths.map((path) => params[path]!))]),
  );
}

/**
 * Weights for a network from arrays in timm's or torchvision's names, whichever they are. Throws UsageError that lists
 * every key which is missing, is not of this network, or has another shape or type.
 */
export function importVit(spec: VitSpec, tensors: HostArrays<HostValues>, source: string): HostWeights {
  const naming = Object.hasOwn(tensors, NAMINGS.torchvision.class) ? NAMINGS.torchvision : NAMINGS.timm;
  const entries = entriesOf(spec, naming);
  const taken = takeArrays(source, tensors, new Map(entries.map(({ name, shape }) => [name, shape])), () => false);
  const found = new Map(
    entries.flatMap(({ name, paths, read }) => {
      const arrays = read(taken.get(name)!);
      return paths.map((path, i) => [path, arrays[i]!] as const);
    }),
  );
  return {
    params: Object.fromEntries(Object.keys(vit(spec).shapes).map((path) => [path, found.get(path)!])),
    state: {},
  };
}

/** What names of a vision transformer's tensors are, for messages. */
export const VIT_NAMES =
  'a vision transformer in timm’s or torchvision’s names (cls_token, blocks.0.attn.qkv, ..., head)';

/** Heads of the published sizes by hiddenSize: no tensor has their number. */
const PUBLISHED_HEADS: Readonly<Record<number, number>> = { 192: 3, 384: 6, 768: 12, 1024: 16, 1280: 16 };

/**
 * The vision transformer whose weights these tensors are, by their names and shapes; undefined where they are none's.
 * Throws UsageError where the network cannot be known by them: its number of heads is known only where it is as wide as
 * a published one.
 */
export function vitIn(tensors: HostArrays<HostValues>, source: string): VitSpec | undefined {
  const naming = Object.values(NAMINGS).find((one) => Object.hasOwn(tensors, one.class));
  if (naming === undefined) return undefined;
  const need = (name: string): readonly number[] => {
    const found = tensors[name]?.shape;
    if (found !== undefined) return found;
    throw new UsageError(`${source}: no tensor "${name}", which a vision transformer has`);
  };
  const [hiddenSize, channels, patchSize] = need(`${naming.patch}.weight`) as [number, number, number];
  const numHeads = PUBLISHED_HEADS[hiddenSize];
  if (numHeads === undefined)
    throw new UsageError(
      `${source}: a vision transformer of ${hiddenSize} channels, of which the file does not say the ` +
        'number of heads; ' +
        `known for ${Object.keys(PUBLISHED_HEADS).join(', ')} channels, and in files that "gowide runs export" writes`,
    );
  const block = (index: number): string => `${naming.block(index)}.${naming.inner}.weight`;
  let numLayers = 0;
  while (Object.hasOwn(tensors, block(numLayers))) numLayers++;
  return {
    ...{ family: 'vit', patchSize, channels, hiddenSize, numLayers, numHeads },
    imageSize: Math.round(Math.sqrt(need(naming.position)[1]! - 1)) * patchSize,
    intermediateSize: need(block(0))[0]!,
    classes: need(`${naming.head}.weight`)[0]!,
  };
}

/** The part of a `config.json`, of timm or of Hugging Face, that says what no tensor's shape shows. */
const Config = z.looseObject({
  num_attention_heads: z.int().min(1).optional(),
  model_args: z.looseObject({ num_heads: z.int().min(1).optional() }).optional(),
  hidden_act: z.literal('gelu').default('gelu'),
  layer_norm_eps: z.literal(VIT_EPSILON).default(VIT_EPSILON),
  global_pool: z.literal('token').default('token'),
});

/** What vision transformers are in `config.json`. */
const CONFIG: FamilyConfig<z.infer<typeof Config>> = {
  modelType: 'vit',
  unseen: Config,
  readable: `vision transformers with gelu, norms by ${VIT_EPSILON} and a class token that the head reads`,
  keys: ['architecture', 'num_attention_heads'],
  heads: ({ num_attention_heads, model_args }) => ({
    num_attention_heads,
    'model_args.num_heads': model_args?.num_heads,
  }),
};

/**
 * Reads a safetensors file. Throws UsageError as {@link importVit}, on a damaged file, and where the configuration
 * beside it is of another network ({@link checkBeside}).
 */
export function readVit(path: string, spec: VitSpec): HostWeights {
  checkBeside(path, spec, CONFIG);
  return importVit(spec, readSafetensors(path).tensors, path);
}

/** Writes a safetensors file in timm's names, with `more` in its metadata. Throws UsageError as {@link exportVit}. */
export function writeVit(path: string, spec: VitSpec, weights: HostWeights, more?: FileFacts): void {
  writeSafetensors(path, exportVit(spec, weights), fileMetadata(spec, more));
}
