/** Particles and samples as named arrays, in and out of a simulation. */
import { isOrAre, UsageError } from '../../src/core/errors.js';
import type { HostArray, HostArrays, HostValues } from '../../src/core/host-array.js';
import { LOSSES, type LossName } from '../model/losses.js';
import { initialNet, inputsOf, outputsOf, type Layer, type LinearMap, type Net } from '../model/particles.js';
import { asClasses, sineTask, type Samples, type Task } from '../model/task.js';
import { output } from '../network/network.js';
import { inputDimension, outputDimension, shapeOf, type Simulation } from './declaration.js';

/** An array of the file, of a shape that the model asks for. Throws UsageError that names it. */
function take(arrays: HostArrays<HostValues>, name: string, shape: readonly number[]): Float64Array {
  const array = arrays[name];
  if (array === undefined)
    throw new UsageError(`particles: "${name}" is missing; expected [${shape.join(', ')}] in F64`);
  if (!(array.values instanceof Float64Array))
    throw new UsageError(`particles: "${name}": expected F64, got another type`);
  if (array.shape.join() !== shape.join())
    throw new UsageError(`particles: "${name}": expected shape [${shape.join(', ')}], got [${array.shape.join(', ')}]`);
  const bad = array.values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw new UsageError(`particles: "${name}" has ${array.values[bad]} at place ${bad}; every number must be finite`);
  return array.values.slice();
}

/** Whether a file has particles, which take the place of those that the law would give. */
export function hasParticles(arrays: HostArrays<HostValues>): boolean {
  return Object.keys(arrays).some((name) => name.startsWith('layer'));
}

/** Number of the first layer, 0 or 1, as the file has it; 1 without a file. */
export function firstLayer(arrays: HostArrays<HostValues>): number {
  return 'layer0/a' in arrays ? 0 : 1;
}

/** Where a file has the fixed maps of a net, W_in [d, inputs] and W_out [outputs, d]. */
const READ_MAPS = { readIn: 'read-in', readOut: 'read-out' } as const;

/** A net with those of its read maps that the file has in their places. Throws UsageError on one that does not fit. */
export function withMaps(net: Net, arrays: HostArrays<HostValues>): Net {
  const maps = Object.entries(READ_MAPS).flatMap(([key, name]): [string, LinearMap][] => {
    if (arrays[name] === undefined) return [];
    const map = net[key as keyof typeof READ_MAPS];
    if (map === undefined)
      throw new UsageError(
        `particles: "${name}" is given, and the model has none; ` +
          `give "model.${key === 'readIn' ? 'inputs' : 'outputs'}" with its dimension`,
      );
    return [[key, { ...map, values: take(arrays, name, [map.rows, map.columns]) }]];
  });
  return { ...net, ...Object.fromEntries(maps) };
}

/** What a file of particles and samples may have beside the net's own arrays: what a run writes can be run on. */
const READ = /^(layer\d+\/|(read-in|read-out|x|y|heldOut\/[xy])$)/;
const WRITTEN = /^(output$|thin\/)/;

/** A warning of the arrays of a file that no run reads, or none. */
export function unreadArrays(arrays: HostArrays<HostValues>): string[] {
  const unread = Object.keys(arrays).filter((name) => !READ.test(name) && !WRITTEN.test(name));
  return unread.length === 0
    ? []
    : [
        `particles: ${unread.map((name) => `"${name}"`).join(', ')} ${isOrAre(unread.length)} not read; ` +
          'known: layer1/a, layer1/b, layer1/bias, ..., read-in, read-out, x, y, heldOut/x, heldOut/y',
      ];
}

/** The initial net: the file's particles, or new ones from the law. Throws UsageError on arrays that do not fit. */
export function netOf({ model, seed }: Simulation, arrays: HostArrays<HostValues>): Net {
  const { depth, d, law } = model;
  const drawn = withMaps(initialNet(seed, shapeOf(model), law), arrays);
  const known = Object.keys(arrays).filter((name) => name.startsWith('layer'));
  if (known.length === 0) return drawn;
  const first = firstLayer(arrays);
  const expected = new Set(
    Array.from({ length: depth }, (_, l) => ['a', 'b', 'bias'].map((part) => `layer${l + first}/${part}`)).flat(),
  );
  const foreign = known.find((name) => !expected.has(name));
  if (foreign !== undefined)
    throw new UsageError(
      `particles: "${foreign}" is not an array of a net of depth ${depth}; ` +
        `expected ${[...expected].slice(0, 3).join(', ')} and so on`,
    );
  const layers = drawn.layers.map((layer, l): Layer => {
    const { m } = layer;
    const name = `layer${l + first}`;
    return {
      ...layer,
      a: take(arrays, `${name}/a`, [m, d]),
      b: take(arrays, `${name}/b`, [m, d]),
      bias: take(arrays, `${name}/bias`, [m]),
    };
  });
  return { ...drawn, layers };
}

/** Where a file has points to measure on, x [N, inputs], and their targets y [N, outputs]. */
export const HELD_OUT = { x: 'heldOut/x', y: 'heldOut/y' };

/** Points [N, inputs] of the file under `name`, with their number. Throws UsageError. */
function pointsOf(
  arrays: HostArrays<HostValues>,
  name: string,
  d: number,
  beside: string,
): { readonly n: number; readonly x: Float64Array } {
  const array = arrays[name];
  const n = array?.shape[0] ?? 0;
  if (n < 1)
    throw new UsageError(
      `particles: "${name}": expected shape [N, ${d}]${beside}, ` +
        `got ${array === undefined ? 'none' : `[${array.shape.join(', ')}]`}`,
    );
  return { n, x: take(arrays, name, [n, d]) };
}

/** Throws UsageError that names the first target which the loss cannot take. */
function checkTargets(name: string, y: Float64Array, k: number, loss: LossName): void {
  for (let at = 0; at < y.length; at += k) {
    const wrong = LOSSES[loss].refuse(y, at, k);
    if (wrong !== undefined) throw new UsageError(`particles: "${name}", row ${at / k}: ${wrong} (loss "${loss}")`);
  }
}

/**
 * Training samples and points to measure on: the file's, or the sine task's. `measures` says whether the run measures
 * anything on held-out points: data of one's own then need such points of their own, and have none where they bring
 * none. Held-out targets are undefined where the file brings points alone. Throws UsageError.
 */
export function samplesOf(
  { model, seed, data, loss }: Simulation,
  arrays: HostArrays<HostValues>,
  measures: boolean,
): { readonly train: Samples; readonly heldOut: { readonly x: Float64Array; readonly y: Float64Array | undefined } } {
  const [d, outputs] = [inputDimension(model), outputDimension(model)];
  const kind = loss === 'squared' ? {} : { loss };
  const own = arrays.x !== undefined || arrays.y !== undefined;
  const held = arrays[HELD_OUT.x] !== undefined || arrays[HELD_OUT.y] !== undefined;
  const drawn = (): Task => {
    const { train, heldOut } = sineTask(seed, d, data.train, data.heldOut, outputs);
    if (!LOSSES[loss].classes) return { train, heldOut };
    return { train: asClasses(train, outputs), heldOut: asClasses(heldOut, outputs) };
  };
  const targets = (name: string, n: number): Float64Array => {
    const y = take(arrays, name, [n, outputs]);
    checkTargets(name, y, outputs, loss);
    return y;
  };
  const task: Task | undefined = own && held ? undefined : drawn();
  const points = own ? pointsOf(arrays, 'x', d, ' with "y" beside it') : undefined;
  const train = { ...(points === undefined ? task!.train : { ...points, y: targets('y', points.n) }), ...kind };
  if (!held) {
    if (own && measures)
      throw new UsageError(
        `particles: "${HELD_OUT.x}" is missing: "x" is your own, and this run measures distances on held-out points, ` +
          `which must be of the same law; give some as "${HELD_OUT.x}" [N, ${d}], F64 (and "${HELD_OUT.y}" ` +
          'for their loss)',
      );
    // points of the sine task say nothing of data of another law
    return { train, heldOut: own ? { x: new Float64Array(0), y: undefined } : task!.heldOut };
  }
  const { n, x } = pointsOf(arrays, HELD_OUT.x, d, '');
  return { train, heldOut: { x, y: arrays[HELD_OUT.y] === undefined ? undefined : targets(HELD_OUT.y, n) } };
}

/** A net's particles, and its output on x [N, d], under `prefix`; layers are numbered from `first`. */
export function toArrays(net: Net, samples: Samples, first: number, prefix = ''): HostArrays<Float64Array> {
  const { d } = net;
  const arrays = net.layers.flatMap(({ m, a, b, bias }, l): [string, HostArray<Float64Array>][] => {
    const name = `${prefix}layer${l + first}`;
    return [
      [`${name}/a`, { shape: [m, d], values: a }],
      [`${name}/b`, { shape: [m, d], values: b }],
      [`${name}/bias`, { shape: [m], values: bias }],
    ];
  });
  return {
    ...Object.fromEntries(arrays),
    [`${prefix}output`]: { shape: [samples.n, outputsOf(net)], values: output(net, samples.x) },
  };
}

/** The fixed maps of a net, under the names by which a file has them. */
export function mapArrays(net: Net): HostArrays<Float64Array> {
  return Object.fromEntries(
    Object.entries(READ_MAPS).flatMap(([key, name]): [string, HostArray<Float64Array>][] => {
      const map = net[key as keyof typeof READ_MAPS];
      return map === undefined ? [] : [[name, { shape: [map.rows, map.columns], values: map.values }]];
    }),
  );
}

/** Samples and points, with the targets that are known, under the names by which a file has them. */
export function sampleArrays(
  net: Net,
  train: Samples,
  heldOut: { readonly x: Float64Array; readonly y: Float64Array | undefined },
): HostArrays<Float64Array> {
  const [inputs, outputs] = [inputsOf(net), outputsOf(net)];
  const n = heldOut.x.length / inputs;
  return {
    x: { shape: [train.n, inputs], values: train.x },
    y: { shape: [train.n, outputs], values: train.y },
    ...(n > 0 && { [HELD_OUT.x]: { shape: [n, inputs], values: heldOut.x } }),
    ...(heldOut.y !== undefined &&
      heldOut.y.length > 0 && { [HELD_OUT.y]: { shape: [n, outputs], values: heldOut.y } }),
  };
}
