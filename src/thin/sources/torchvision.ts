/** Networks on images in torchvision's or timm's names, in a safetensors file. */
import { existsSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import type { HostArrays, HostValues } from '../../core/host-array.js';
import { networkIn, weightLabels, writeWeights } from '../../models/files.js';
import { fileMetadata, withoutPrefix } from '../../models/formats/exchange.js';
import { makeFolder } from '../../store/atomic.js';
import { readSafetensors, writeSafetensors } from '../../store/safetensors.js';
import { dropBeside, readLabels, writeLabels } from '../../method/run/export.js';
import type { OpenOptions, Source, SourceFormat } from './source.js';

/**
 * The network of a file's tensors. Where `isPlain` says that the file itself cannot be named in a training spec, or its
 * names have a prefix, they are written anew into the work folder. Throws UsageError where no family knows them.
 */
export function openTensors(
  format: string,
  path: string,
  given: HostArrays<HostValues>,
  { work }: OpenOptions,
  { isPlain, metadata = {} }: { readonly isPlain: boolean; readonly metadata?: Readonly<Record<string, string>> },
): Source {
  const { tensors, prefix } = withoutPrefix(given);
  const network = networkIn(tensors, path, metadata);
  const copy = join(work, 'source.safetensors');
  const isCopied = !isPlain || prefix !== '';
  if (isCopied) {
    makeFolder(work);
    writeSafetensors(copy, tensors, fileMetadata(network));
  }
  return {
    format,
    network,
    weights: isCopied ? copy : path,
    labels: isCopied ? undefined : (weightLabels(path, network) ?? readLabels(dirname(path), network)),
    notes: prefix === '' ? [] : [`${path}: every name begins with "${prefix}", which was left out`],
    write: (folder, thin, weights, { labels }) => {
      makeFolder(folder);
      dropBeside(folder);
      const file = join(folder, 'model.safetensors');
      writeWeights(file, thin, weights);
      return [file, ...writeLabels(folder, labels)];
    },
  };
}

/** Networks on images, and of numbers, in one file. */
export const torchvision: SourceFormat = {
  name: 'torchvision',
  looks: 'a network on images in torchvision’s or timm’s names, or one that was trained here (a .safetensors file)',
  matches: (model) => extname(model) === '.safetensors' && existsSync(model),
  open: (model, options) => {
    const { tensors, metadata } = readSafetensors(model);
    return openTensors('safetensors file', model, tensors, options, { isPlain: true, metadata });
  },
};
