/**
 * Weights of networks with batch norms in torchvision's layouts, whatever their names: convolutions are [out, in, h, w]
 * there and [h, w, in, out] here; dense kernels are [out, in] there and [in, out] here.
 */
import type { HostArray, HostArrays, HostValues } from '../../core/host-array.js';
import type { HostWeights, Network } from '../../nn/network.js';
import { fromTorch, statisticsOf, takeArrays, toTorch, toTorchShape } from './exchange.js';

/**
 * A network with batch norms as torchvision's state dict; `num_batches_tracked`, which it wants to find, is 0. `nameOf`
 * gives what the parameter of a path is called there.
 */
export function exportNamed({ params, state }: HostWeights, nameOf: (path: string) => string): HostArrays<HostValues> {
  const entries = Object.entries({ ...params, ...state }).map(([path, parameter]): [string, HostArray<HostValues>] => {
    const { shape, values } = toTorch(path, parameter);
    return [nameOf(path), { shape, values }];
  });
  const tracked = Object.keys(state)
    .filter((path) => path.endsWith('/mean'))
    .map((path): [string, HostArray<HostValues>] => [
      nameOf(path).replace('running_mean', 'num_batches_tracked'),
      { shape: [], values: new BigInt64Array(1) },
    ]);
  return Object.fromEntries([...entries, ...tracked]);
}

/**
 * Weights for a network with batch norms, from the tensors of a safetensors file in the names that `nameOf` gives.
 * Throws UsageError that lists every key which is missing, is not of this network, or has another shape or type.
 */
export function importNamed(
  { shapes }: Pick<Network, 'shapes'>,
  tensors: HostArrays<HostValues>,
  source: string,
  nameOf: (path: string) => string,
): HostWeights {
  const statistics = statisticsOf(shapes);
  const wanted = new Map([...Object.entries(shapes), ...statistics]);
  const shapesThere = new Map([...wanted].map(([path, shape]) => [nameOf(path), toTorchShape(path, shape)]));
  const taken = takeArrays(source, tensors, shapesThere, (name) => name.endsWith('.num_batches_tracked'));
  const take = (paths: readonly string[]): HostArrays =>
    Object.fromEntries(paths.map((path) => [path, fromTorch(path, taken.get(nameOf(path))!)]));
  return { params: take(Object.keys(shapes)), state: take(statistics.map(([path]) => path)) };
}

/**
 * The factor by which blocks are wider inside, of the channels that each reads and has inside: rounded, its product
 * with the first gives the second, for all blocks where there is such a factor.
 */
export function expansionOf(blocks: readonly (readonly [reads: number, inner: number])[]): number {
  const ratios = blocks.map(([reads, inner]) => inner / reads);
  const least = Math.max(...blocks.map(([reads, inner]) => (inner - 0.5) / reads));
  const most = Math.min(...blocks.map(([reads, inner]) => (inner + 0.5) / reads));
  const fits = (ratio: number): boolean => blocks.every(([reads, inner]) => Math.round(reads * ratio) === inner);
  return [...ratios, (least + most) / 2].find(fits) ?? ratios[0]!;
}
