/** Weights in the names that they have here: for families that no other library has, and as tfjs names layers. */
import type { HostArrays, HostValues } from '../../core/host-array.js';
import type { HostWeights, Network } from '../../nn/network.js';
import { readSafetensors, writeSafetensors } from '../../store/safetensors.js';
import { fileMetadata, statisticsOf, takeArrays } from './exchange.js';
import type { FileFacts, PublishedWeights } from '../interface/family.js';

/** A network's weights out of arrays by their names here. Throws UsageError as {@link takeArrays}. */
export function weightsFrom({ shapes }: Network, tensors: HostArrays<HostValues>, source: string): HostWeights {
  const statistics = statisticsOf(shapes);
  const wanted = new Map([...Object.entries(shapes), ...statistics]);
  const taken = takeArrays(source, tensors, wanted, () => false);
  const pick = (paths: readonly string[]): HostArrays =>
    Object.fromEntries(paths.map((path) => [path, taken.get(path)!]));
  return { params: pick(Object.keys(shapes)), state: pick(statistics.map(([path]) => path)) };
}

/**
 * Writes a safetensors file in the names that the weights have here; its metadata declare the network, and say `more`.
 */
export function writeOwn(
  path: string,
  spec: { readonly family: string },
  { params, state }: HostWeights,
  more?: FileFacts,
): void {
  writeSafetensors(path, { ...params, ...state }, fileMetadata(spec, more));
}

/** Reading and writing of safetensors files in the names that the weights of a family's networks have here. */
export function ownNames<Spec extends { readonly family: string }>(
  network: (spec: Spec) => Network,
): PublishedWeights<Spec> {
  return {
    read: (path, spec) => weightsFrom(network(spec), readSafetensors(path).tensors, path),
    write: writeOwn,
  };
}
