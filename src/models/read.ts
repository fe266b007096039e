/** Weights from files in published names, and the network that a file's tensors are of. */
import { basename } from 'node:path';
import { UsageError } from '../core/errors.js';
import { isFolder } from '../core/folder.js';
import type { HostArrays, HostValues } from '../core/host-array.js';
import { parseSpec } from '../core/spec.js';
import type { HostWeights } from '../nn/network.js';
import { readConfig } from '../store/config.js';
import { readMetadata } from '../store/safetensors.js';
import { pictureFile } from './folders.js';
import { checkUnseen } from './formats/exchange.js';
import { checkNames, configBeside } from './formats/huggingface-folder.js';
import { FAMILIES, familyOf, headOf, NetworkSpec, familiesWith } from './index.js';
import type { PublishedWeights } from './interface/family.js';

/** The published form of a network's weights. Throws UsageError, with `source`, for a family that has none. */
export function publishedOf(source: string, spec: NetworkSpec): PublishedWeights<{ readonly family: string }> {
  const { published } = familyOf(spec);
  if (published === undefined)
    throw new UsageError(
      `${source}: networks of the family "${spec.family}" have no published names; ` +
        `weights can be read and written for: ${familiesWith('published')}`,
    );
  return published;
}

/**
 * The weights of a network from a safetensors file in published names. Throws UsageError for a family that has none,
 * and for weights of another network, by names and shapes of the tensors or by what the file declares.
 */
export function readWeights(given: string, spec: NetworkSpec): HostWeights {
  const path = pictureFile(given) ?? given;
  const published = publishedOf(path, spec);
  const weights = published.read(path, spec);
  checkDeclared(path, spec, published);
  return weights;
}

/** Throws UsageError where a file declares a network that differs from this one in what no tensor shows. */
function checkDeclared(path: string, spec: NetworkSpec, published: ReturnType<typeof publishedOf>): void {
  if (published.unseen === undefined || isFolder(path) || !path.endsWith('.safetensors')) return;
  const declared = declaredIn(readMetadata(path), path);
  if (declared?.family !== spec.family) return;
  checkUnseen(path, 'its metadata declare', published.unseen(declared), published.unseen(spec));
}

/** The network that a file's metadata declare, as files that are written here have it; undefined where none do. */
export function declaredIn({ network }: Readonly<Record<string, string>>, source: string): NetworkSpec | undefined {
  if (network === undefined) return undefined;
  try {
    return parseSpec(NetworkSpec, `network in the metadata of ${source}`, JSON.parse(network));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // another program's word for something else
    throw error;
  }
}

/** Keys by which a configuration says what network it is of: Hugging Face's, and timm's. */
const SAYING = ['model_type', 'architecture'];

/**
 * The network whose weights these tensors of a file are: the one that its metadata declare, or by names and shapes.
 * Throws UsageError where no family knows them.
 */
export function networkIn(
  tensors: HostArrays<HostValues>,
  source: string,
  metadata: Readonly<Record<string, string>> = {},
): NetworkSpec {
  const declared = declaredIn(metadata, source);
  if (declared !== undefined) return declared;
  const known = Object.values(FAMILIES).flatMap(({ published }) => published?.naming ?? []);
  for (const one of known) {
    const found = one.spec(tensors, source);
    if (found !== undefined) return found as NetworkSpec;
  }
  const names = Object.keys(tensors).slice(0, 3).join(', ');
  const config = configBeside(source);
  if (config !== undefined && !SAYING.some((key) => Object.hasOwn(readConfig(config), key)))
    throw new UsageError(
      `${config}: no "model_type" in it, which says what network ${basename(source)} is of; by its tensors ` +
        `(${names || 'none'}) it is none on images; put the configuration of this network there`,
    );
  throw new UsageError(
    `${source}: expected the tensors of ${known.map(({ looks }) => looks).join('; or of ')}; found ${names || 'none'}`,
  );
}

/**
 * Names of the classes of a file of weights, in order, where the configuration beside it has them. Throws UsageError
 * where it has more or fewer than the network has classes.
 */
export function weightLabels(path: string, spec: NetworkSpec): readonly string[] | undefined {
  const labels = familyOf(spec).published?.labels?.(path);
  if (labels === undefined) return undefined;
  const { classes } = headOf(spec);
  if (classes !== undefined) checkNames(configBeside(path) ?? path, labels, classes);
  return labels;
}
