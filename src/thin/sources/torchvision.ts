/** Networks on images in torchvision's or timm's names, in a safetensors file. */
import { existsSync, statSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { UsageError } from '../../core/errors.js';
import type { HostArrays, HostValues } from '../../core/host-array.js';
import { networkOf, type NetworkSpec } from '../../models/index.js';
import { networkIn, weightLabels } from '../../models/read.js';
import { pictureFile } from '../../models/folders.js';
import { allLabels, writeWeights } from '../../models/write.js';
import { fileMetadata, withoutPrefix } from '../../models/formats/exchange.js';
import { labelsIn, pictureFacts, pictureMetadata, type PictureFacts } from '../../models/formats/picture-facts.js';
import { makeFolder } from '../../store/atomic.js';
import { readSafetensors, writeSafetensors } from '../../store/safetensors.js';
import { dropBeside, LABELS, readLabels, writeBeside } from '../../method/run/export.js';
import { keepMade } from '../../store/kept.js';
import type { OpenOptions, Source, SourceFormat } from './source.js';

/** The file that names of classes are written beside. */
const WEIGHTS = 'model.safetensors';

/**
 * Names of the classes in order: those of the file's metadata or of a configuration beside it, or those that were
 * written beside it. Throws UsageError where the two are there and differ: one of them is wrong.
 */
function labelsOf(path: string, network: NetworkSpec, facts: PictureFacts): readonly string[] | undefined {
  const said = labelsIn(facts, networkOf(network).width('logits')) ?? weightLabels(path, network);
  if (said !== undefined && basename(path) !== WEIGHTS) return said;
  const beside = readLabels(dirname(path), network);
  const at = said === undefined ? -1 : (beside?.findIndex((name, i) => name !== said[i]) ?? -1);
  if (at >= 0)
    throw new UsageError(
      `${join(dirname(path), LABELS)}: class ${at} is "${beside![at]}", and "${said![at]}" in ${facts.labels?.path ?? path}; ` +
        'expected the same; remove the file if it belongs to another network',
    );
  return said ?? beside;
}

/**
 * Whether a path is a file with one of these endings, or a folder whose network on pictures is kept in such a file.
 */
export function isPictureFile(path: string, endings: readonly string[]): boolean {
  const file = pictureFile(path) ?? path;
  return endings.includes(extname(file)) && existsSync(file) && statSync(file).isFile();
}

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
  const facts = pictureFacts(path, metadata);
  const said = fileMetadata(network, pictureMetadata({ normalize: facts.normalize?.value }));
  const isCopied = !isPlain || prefix !== '';
  return {
    format,
    network,
    weights: isCopied ? keepMade(work, 'source.safetensors', (copy) => writeSafetensors(copy, tensors, said)) : path,
    labels: labelsOf(path, network, facts),
    normalize: facts.normalize,
    notes: prefix === '' ? [] : [`${path}: every name begins with "${prefix}", which was left out`],
    write: (folder, thin, weights, { labels, normalize }) => {
      makeFolder(folder);
      dropBeside(folder);
      const file = join(folder, WEIGHTS);
      writeWeights(file, thin, weights, { labels, normalize });
      return [file, ...writeBeside(folder, { labels: allLabels(thin, labels), normalize })];
    },
  };
}

/** Networks on images, and of numbers, in one file. */
export const torchvision: SourceFormat = {
  name: 'torchvision',
  looks:
    'a network on images in torchvision’s or timm’s names, or one that was trained here (a .safetensors file, or a folder ' +
    'of timm’s)',
  matches: (model) => isPictureFile(model, ['.safetensors']),
  open: (model, options) => {
    const file = pictureFile(model) ?? model;
    const { tensors, metadata } = readSafetensors(file);
    return openTensors('safetensors file', file, tensors, options, { isPlain: true, metadata });
  },
};
