/** A network's values on the engine, and their way to the host and back. */
import { arraysOf, type Floats, type HostArray, type HostArrays } from '../../core/host-array.js';
import { Matrix } from 'ml-matrix';
import { moveToEngine } from '../../engine/host-memory.js';
import { disposeAll, type Tensor, type Tensors } from '../../engine/tensor.js';
import { fromTensors, toTensors } from '../../engine/host-memory.js';
import type { HostWeights, Network } from '../../nn/network.js';

/** A network's values on the engine, by path. */
export interface Weights {
  readonly params: Tensors;
  /** Running statistics. */
  readonly state: Tensors;
}

/** The wide net, trained: it is used in evaluation mode and never changed. */
export interface Teacher {
  readonly network: Network;
  /** Its values on the host. */
  readonly host: HostWeights;
  /** Its values on the engine. */
  readonly weights: Weights;
}

/** Frees a network's tensors. */
export function disposeWeights({ params, state }: Weights): void {
  disposeAll(params, state);
}

/** Frees what `old` has and `next` has not. */
export function replaceWeights(old: Weights, next: Weights): Weights {
  const kept = new Set<Tensor>([...Object.values(next.params), ...Object.values(next.state)]);
  for (const tensor of [...Object.values(old.params), ...Object.values(old.state)])
    if (!kept.has(tensor)) tensor.dispose();
  return next;
}

/** A network's values moved to the engine; the caller disposes them. */
export function weightsOf({ params, state }: HostWeights): Weights {
  return { params: toTensors(params), state: toTensors(state) };
}

/** Like {@link weightsOf}, for a network that nobody else holds: its host arrays are freed on the way. */
export async function moveWeights(host: HostWeights): Promise<Weights> {
  const [params, state] = [moveToEngine(host.params), toTensors(host.state)];
  // oxlint-disable-next-line no-useless-assignment -- a suspended function holds its arguments
  host = { params: {}, state: {} };
  return { params: await params, state };
}

/** A network's values read back to the host. */
export async function toHost({ params, state }: Weights): Promise<HostWeights> {
  return { params: await fromTensors(params), state: await fromTensors(state) };
}

/** Arrays under paths that begin with `prefix`. */
export function prefixed(arrays: HostArrays, prefix: string): HostArrays {
  return Object.fromEntries(Object.entries(arrays).map(([path, array]) => [`${prefix}${path}`, array]));
}

/** The arrays whose paths begin with `prefix`, without it. Throws UsageError when one is not of float32. */
export function withPrefix(arrays: HostArrays<Floats>, prefix: string): HostArrays {
  const found = Object.entries(arrays)
    .filter(([path]) => path.startsWith(prefix))
    .map(([path, array]) => [path.slice(prefix.length), array] as const);
  return arraysOf([Float32Array], Object.fromEntries(found), 'saved arrays');
}

/** A network's values as the arrays of a run, `params/...` and `state/...`. */
export function toArrays({ params, state }: HostWeights): HostArrays {
  return { ...prefixed(params, 'params/'), ...prefixed(state, 'state/') };
}

/** The inverse of {@link toArrays}. */
export function fromArrays(arrays: HostArrays<Floats>): HostWeights {
  return { params: withPrefix(arrays, 'params/'), state: withPrefix(arrays, 'state/') };
}

/** An array [rows, columns] as a float64 matrix on the host, where linear systems are solved. */
export function matrixOf({ shape, values }: HostArray): Matrix {
  const [rows, columns] = shape as [number, number];
  const matrix = new Matrix(rows, columns);
  for (let i = 0, k = 0; i < rows; i++) for (let j = 0; j < columns; j++, k++) matrix.set(i, j, values[k]!);
  return matrix;
}
