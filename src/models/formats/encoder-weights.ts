/**
 * What the weights of encoders have in common in Hugging Face's layouts, whatever their names: dense kernels are [out,
 * in] there and [in, out] here; tables of embeddings are the same.
 */
import { UsageError } from '../../core/errors.js';
import type { HostArray, HostArrays, HostValues } from '../../core/host-array.js';
import type { HostWeights, Network } from '../../nn/network.js';
import { headSizeOf } from '../../nn/transformer.js';
import { takeArrays, transpose } from './exchange.js';

/** Whether a parameter is the other way around there: kernels of dense layers are. */
function isTurned(path: string): boolean {
  return path.endsWith('/kernel') && !path.startsWith('embeddings/');
}

/** A parameter as it is there, of one that is as here, and the other way around. */
function turned(path: string, parameter: HostArray): HostArray {
  return isTurned(path) ? transpose(parameter, [1, 0]) : parameter;
}

/**
 * Throws UsageError where the heads together are not as wide as the rest, as published encoders have them; `theirs`
 * says which, with its verb.
 */
export function checkHeads(theirs: string, spec: Parameters<typeof headSizeOf>[0]): void {
  const { hiddenSize, numHeads } = spec;
  if (numHeads * headSizeOf(spec) !== hiddenSize)
    throw new UsageError(
      `${theirs} heads of hiddenSize / numHeads = ${hiddenSize / numHeads} channels, this one of ${headSizeOf(spec)}`,
    );
}

/** An encoder's parameters as arrays there; `nameOf` gives the name there of a parameter's path. */
export function exportEncoder({ params }: HostWeights, nameOf: (path: string) => string): HostArrays {
  return Object.fromEntries(
    Object.entries(params).map(([path, parameter]) => {
      const { shape, values } = turned(path, parameter);
      return [nameOf(path), { shape, values }];
    }),
  );
}

/**
 * An encoder's weights, of parameters of these shapes, out of a file's arrays: `nameOf` gives the name there of a
 * parameter's path, `unused` says which other arrays may be there. Throws UsageError as {@link takeArrays}.
 */
export function takeEncoder(
  { shapes }: Network,
  tensors: HostArrays<HostValues>,
  source: string,
  nameOf: (path: string) => string,
  unused: (name: string) => boolean,
): HostWeights {
  const wanted = new Map(
    Object.entries(shapes).map(([path, shape]) => [nameOf(path), isTurned(path) ? [...shape].reverse() : shape]),
  );
  const taken = takeArrays(source, tensors, wanted, unused);
  return {
    params: Object.fromEntries(Object.keys(shapes).map((path) => [path, turned(path, taken.get(nameOf(path))!)])),
    state: {},
  };
}
