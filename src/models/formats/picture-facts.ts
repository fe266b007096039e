/**
 * What stands beside the weights of a network on pictures and is in no tensor: how colors are normalized, and what the
 * classes are called. timm's `config.json` says it, Hugging Face's `preprocessor_config.json`, and the metadata of
 * files that are written here.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../../core/errors.js';
import { isFolder } from '../../core/folder.js';
import { whatIsWrong } from '../../core/issues.js';
import { Normalization, unusual } from '../../core/normalization.js';
import { readConfig } from '../../store/config.js';
import { checkNames, configBeside } from './huggingface-folder.js';

/** Hugging Face's file of how pictures are prepared. */
export const PREPROCESSOR = 'preprocessor_config.json';
/** Factor of Hugging Face's processors on the bytes of pictures. */
const RESCALE = 1 / 255;

/** A normalization, and the file that says it. */
export interface SaidNormalization {
  readonly path: string;
  readonly value: Normalization;
}

/** What is known of a network's pictures, with the file that says it. */
export interface PictureFacts {
  readonly normalize?: SaidNormalization;
  /** Names of the classes in order. */
  readonly labels?: { readonly path: string; readonly names: readonly string[] };
}

/** What a network that reads pictures keeps in the metadata of its file, or beside it. */
export interface PictureNames {
  readonly labels?: readonly string[] | undefined;
  /** ImageNet's where it is left out. */
  readonly normalize?: Normalization | undefined;
}

/** One number stands for all channels, as PyTorch broadcasts it. */
const Channels = z
  .union([z.number().transform((value) => [value]), z.array(z.number())])
  .transform((values) => (values.length === 1 ? [values[0], values[0], values[0]] : values));

/** A pair of `mean` and `std` of a file. Throws UsageError that names the keys where they are none. */
function normalizationOf(path: string, keys: readonly [string, string], mean: unknown, std: unknown): Normalization {
  const [a, b] = [mean, std].map((value) => Channels.safeParse(value).data ?? value);
  const { data, error } = Normalization.safeParse({ mean: a, std: b });
  if (data !== undefined) return data;
  throw new UsageError(
    `${path}: ${keys.join(', ')}: ${whatIsWrong(error!, { mean: a, std: b })}; expected one number for each of red, ` +
      'green and blue',
  );
}

const Names = z.array(z.string());

/** Networks of timm's that compute something which no tensor shows, by their names there. */
const UNSEEN = [
  { names: /^resnet(aa|blur)/, what: 'blurs what it subsamples' },
  { names: /^convnext.*_hnf/, what: 'normalizes its last values before they are averaged' },
  { names: /quickgelu/, what: 'has another activation' },
];
/** Arguments with which timm makes a network that its tensors tell as well, or that count in training alone. */
const SEEN =
  /^(num_classes|in_chans|img_size|patch_size|embed_dim|depths?|dims|num_heads|layers|channels|cardinality|base_width|stem_width|pretrained|.*drop.*_rate|drop_path|drop_block)$/;

const PLAIN_POOLS: readonly unknown[] = ['avg', 'token'];

/** Throws UsageError where a network of timm's is another one than its tensors tell. */
function checkTimm(path: string, { architecture, model_args: given }: Readonly<Record<string, unknown>>): void {
  const unseen = UNSEEN.find(({ names }) => typeof architecture === 'string' && names.test(architecture));
  if (unseen !== undefined)
    throw new UsageError(
      `${path}: architecture: ${String(architecture)} ${unseen.what}, which its tensors do not show; networks of ` +
        'timm’s can be read that do not',
    );
  const args = Object.entries(Object(given) as Record<string, unknown>);
  const other = args.find(([key, value]) => !SEEN.test(key) && !(key === 'global_pool' && PLAIN_POOLS.includes(value)));
  if (other !== undefined)
    throw new UsageError(
      `${path}: model_args.${other[0]}: ${JSON.stringify(other[1])}, which may change what the network computes and its ` +
        'tensors do not show; expected none but sizes and rates of dropout',
    );
}

/** What timm's `config.json` says; nothing where the file is another library's. */
function fromTimm(weights: string): PictureFacts {
  const path = configBeside(weights);
  if (path === undefined) return {};
  const config = readConfig(path);
  if (!['architecture', 'pretrained_cfg'].some((key) => Object.hasOwn(config, key))) return {};
  checkTimm(path, config);
  // before timm 0.9 all of it stood side by side
  const nested = z.looseObject({}).safeParse(config.pretrained_cfg).data;
  const { mean, std } = nested ?? config;
  const prefix = nested === undefined ? '' : 'pretrained_cfg.';
  const [key, listed] = Object.entries({
    label_names: config.label_names,
    labels: config.labels,
    'pretrained_cfg.label_names': nested?.label_names,
  }).find(([, value]) => value !== undefined && value !== null) ?? [undefined, undefined];
  const names = Names.safeParse(listed).data;
  if (key !== undefined && names === undefined)
    throw new UsageError(`${path}: ${key}: expected the names of the classes in order, a list of texts`);
  const isSaid = mean !== undefined || std !== undefined;
  return {
    ...(isSaid && {
      normalize: { path, value: normalizationOf(path, [`${prefix}mean`, `${prefix}std`], mean, std) },
    }),
    ...(names !== undefined && { labels: { path, names } }),
  };
}

/**
 * What Hugging Face's `preprocessor_config.json` says. Throws UsageError where pictures become other numbers than from
 * 0 to 1 before they are normalized.
 */
function fromPreprocessor(weights: string): PictureFacts {
  const path = join(isFolder(weights) ? weights : dirname(weights), PREPROCESSOR);
  if (!existsSync(path)) return {};
  const { do_rescale: rescale = true, rescale_factor: factor = RESCALE, ...config } = readConfig(path);
  if (rescale !== true || typeof factor !== 'number' || Math.abs(factor - RESCALE) > 1e-9)
    throw new UsageError(
      `${path}: ${rescale === true ? 'rescale_factor' : 'do_rescale'}: pictures are read as values from 0 to 1; ` +
        'expected "do_rescale": true and "rescale_factor": 0.00392156862745098',
    );
  if (config.do_normalize === false) return { normalize: { path, value: { mean: [0, 0, 0], std: [1, 1, 1] } } };
  const { image_mean: mean, image_std: std } = config;
  if (mean === undefined && std === undefined) return {};
  return { normalize: { path, value: normalizationOf(path, ['image_mean', 'image_std'], mean, std) } };
}

/** What the metadata of a file that was written here say; nothing of another program's. */
function fromMetadata(path: string, metadata: Readonly<Record<string, string>>): PictureFacts {
  const parsed = (key: 'labels' | 'normalize'): unknown => {
    try {
      return metadata[key] === undefined ? undefined : JSON.parse(metadata[key]);
    } catch {
      return undefined; // another program's word for something else
    }
  };
  const [names, value] = [Names.safeParse(parsed('labels')).data, Normalization.safeParse(parsed('normalize')).data];
  return {
    ...(value !== undefined && { normalize: { path, value } }),
    ...(names !== undefined && { labels: { path, names } }),
  };
}

/**
 * What a file of weights, or a folder, and the files beside it say of a network's pictures: metadata first, which move
 * with the file. Throws UsageError where it is not to be understood, or cannot be done.
 */
export function pictureFacts(weights: string, metadata: Readonly<Record<string, string>> = {}): PictureFacts {
  return { ...fromTimm(weights), ...fromPreprocessor(weights), ...fromMetadata(weights, metadata) };
}

/**
 * The metadata by which a safetensors file says the names of its classes and how its pictures are normalized, where
 * that is not as ImageNet's are.
 */
export function pictureMetadata({ labels, normalize }: PictureNames): Record<string, string> {
  const said = unusual(normalize);
  return {
    ...(labels !== undefined && { labels: JSON.stringify(labels) }),
    ...(said !== undefined && { normalize: JSON.stringify(said) }),
  };
}

/** What `preprocessor_config.json` says of pictures with this normalization. */
export function preprocessorOf({ mean, std }: Normalization): object {
  return { do_rescale: true, rescale_factor: RESCALE, do_normalize: true, image_mean: mean, image_std: std };
}

/**
 * Names of the classes of a network that classifies. Throws UsageError where its files name more or fewer than it has.
 */
export function labelsIn({ labels }: PictureFacts, classes: number): readonly string[] | undefined {
  if (labels === undefined) return undefined;
  checkNames(labels.path, labels.names, classes);
  return labels.names;
}
