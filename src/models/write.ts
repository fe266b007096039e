/** Weights into files: in published names, and as ONNX. */
import { UsageError } from '../core/errors.js';
import { checkWeights, type HostWeights } from '../nn/network.js';
import { writeGraph } from '../onnx/graph.js';
import { allNames } from './formats/huggingface-folder.js';
import { pictureMetadata, type PictureNames } from './formats/picture-facts.js';
import { familyOf, headOf, networkOf, type NetworkSpec, familiesWith } from './index.js';
import type { TokenizerFacts } from './interface/family.js';
import { publishedOf } from './read.js';

/** What goes with a network's values into its files, as far as it is known. */
export interface WrittenFacts extends PictureNames {
  readonly tokenizer?: TokenizerFacts | undefined;
  /** A folder of Hugging Face's whose other settings are kept. */
  readonly from?: string | undefined;
}

/** Names of all classes of a network, of which the first ones are known; the others are called as transformers does. */
export function allLabels(spec: NetworkSpec, labels: readonly string[] | undefined): readonly string[] | undefined {
  return labels && allNames(labels, headOf(spec).classes ?? 0);
}

/**
 * Writes a network's weights in published names: a safetensors file, which says names of classes and the normalization
 * of pictures in its metadata, or, with a tokenizer, a folder where the family has such. Returns whether it is a
 * folder. Throws UsageError for a family or a network that has no published names, and weights of another network.
 */
export function writeWeights(
  path: string,
  spec: NetworkSpec,
  weights: HostWeights,
  { tokenizer, labels, normalize, from }: WrittenFacts = {},
): 'file' | 'folder' {
  const published = publishedOf(path, spec);
  checkWeights(`${path}: the weights`, networkOf(spec), weights);
  if (tokenizer === undefined || published.folder === undefined) {
    published.write(path, spec, weights, pictureMetadata({ labels: allLabels(spec, labels), normalize }));
    return 'file';
  }
  published.folder.write(path, spec, weights, { tokenizer, labels, from });
  return 'folder';
}

/** Whether networks of a declaration's family have published names. */
export function isPublished(spec: NetworkSpec): boolean {
  return familyOf(spec).published !== undefined;
}

/** Whether networks of a declaration's family can be written as ONNX files. */
export function hasOnnx(spec: NetworkSpec): boolean {
  return familyOf(spec).onnx !== undefined;
}

/**
 * Writes a network as an ONNX file. Its metadata have the network's declaration (`network`), names of the classes in
 * order (`labels`), of pictures that are not normalized as ImageNet's are how they are (`normalize`), and of a network
 * that reads tokens the tokenizer (`tokenizer`) and its words, one a line (`vocabulary`): all but the last as JSON.
 * Throws UsageError for a family that cannot be written so, a declaration that is none, and weights of another network.
 */
export function writeOnnx(
  path: string,
  spec: NetworkSpec,
  weights: HostWeights,
  { labels, tokenizer, normalize }: WrittenFacts = {},
): void {
  const family = familyOf(spec);
  if (family.onnx === undefined)
    throw new UsageError(
      `${path}: networks of the family "${spec.family}" cannot be written as ONNX; ` +
        `those of ${familiesWith('onnx')} can`,
    );
  checkWeights(`${path}: the weights`, networkOf(spec), weights);
  writeGraph(path, family.onnx(spec, weights), {
    network: JSON.stringify(spec),
    ...pictureMetadata({ labels: allLabels(spec, labels), normalize }),
    ...(tokenizer !== undefined && {
      tokenizer: JSON.stringify({ lowercase: tokenizer.lowercase, ...tokenizer.settings }),
      vocabulary: tokenizer.vocabulary.join('\n'),
    }),
  });
}
