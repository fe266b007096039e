/**
 * A kernel that refuses arrays which do not fit. The native form reads and writes memory by the lengths that a net
 * claims: what is too short would be read beyond its end, and be a wrong number or the end of the process.
 */
import { checkArray, checkLayer } from '../model/arrays.js';
import { checkNet } from '../model/check.js';
import { sharesScales, type Layer, type Net } from '../model/particles.js';
import type { Kernel, TangentPass } from './interface.js';

/** Throws RangeError unless x is [N, d] in float64, with N of at least 1. */
function checkRows(name: string, x: Float64Array, d: number): void {
  if (!(x instanceof Float64Array) || x.length === 0 || x.length % d !== 0)
    throw new RangeError(
      `${name}: expected [N, ${d}] with N >= 1 in a Float64Array, got ${(x as Float64Array | undefined)?.length} numbers`,
    );
}

/** {@link checkNet}, layers without scales of their own, which passes do not read, and the samples that go in. */
function checkInput(net: Net, name: string, x: Float64Array): void {
  checkNet(net);
  if (!sharesScales(net.layers))
    throw new RangeError('net: layers: expected none with an alpha or c of its own; a pass has those of the net alone');
  if (net.layers.length === 0) throw new RangeError('net: layers: expected at least one');
  checkRows(name, x, net.d);
}

function checkLike(what: string, layers: readonly Layer[], net: Net): void {
  if (layers.length !== net.layers.length)
    throw new RangeError(`${what}: expected ${net.layers.length} layer(s), got ${layers.length}`);
  net.layers.forEach(({ m }, l) => checkLayer(`${what}, layer ${l + 1}`, layers[l], net.d, m));
}

/** Throws RangeError on a pass of tangents whose arrays do not fit the net, or one of which lacks another. */
function checkTangent(net: Net, directions: readonly (readonly Layer[])[], pass: TangentPass): void {
  const { x, dx, y, gradient, back, velocity, velocities, outputs } = pass;
  checkInput(net, 'x', x);
  directions.forEach((direction, k) => checkLike(`direction ${k}`, direction, net));
  const each = (name: string, arrays: readonly (Float64Array | undefined)[] | undefined, count: number): void => {
    if (arrays === undefined) return;
    if (arrays.length !== count) throw new RangeError(`${name}: expected ${count} arrays, got ${arrays.length}`);
    arrays.forEach((values, k) => values !== undefined && checkArray(`${name} ${k}`, values, x.length));
  };
  each('dx', dx, directions.length);
  const count = (name: string, of: readonly unknown[] | undefined): void => {
    if (of !== undefined && of.length !== directions.length)
      throw new RangeError(`${name}: expected those of ${directions.length} directions, got ${of.length}`);
  };
  if (y !== undefined) checkArray('y', y, x.length);
  if (gradient !== undefined && net.layers.length !== 1)
    throw new RangeError(`gradient: expected a net of one layer, got ${net.layers.length}`);
  if ((velocity === undefined) !== (velocities === undefined))
    throw new RangeError('velocity, velocities: expected both or neither');
  if (gradient !== undefined && velocity === undefined) throw new RangeError('gradient: expected velocity with it');
  if (back !== undefined && gradient === undefined) throw new RangeError('back: expected gradient with it');
  each('gradient', gradient, directions.length + 1);
  each('back', back, directions.length + 1);
  if (velocity !== undefined) checkLike('velocity', velocity, net);
  count('velocities', velocities);
  velocities?.forEach((layers, k) => checkLike(`velocity of direction ${k}`, layers, net));
  count('outputs', outputs);
  outputs?.forEach((layers, k) => each(`outputs of direction ${k}`, layers, net.layers.length));
}

/** A kernel whose passes throw RangeError on arrays that do not fit the net. */
export function checked(kernel: Kernel): Kernel {
  return {
    name: kernel.name,
    forward: (net, x, outs) => {
      checkInput(net, 'x', x);
      outs.forEach((out, l) => out !== undefined && checkArray(`output of layer ${l + 1}`, out, x.length));
      kernel.forward(net, x, outs);
    },
    descend: (net, x, y, dt, losses, to) => {
      checkInput(net, 'x', x);
      checkArray('y', y, x.length);
      checkArray('losses', losses, losses.length);
      if (to !== undefined) checkLike('velocity', to, net);
      return kernel.descend(net, x, y, dt, losses, to);
    },
    backward: (net, z, p, to, back) => {
      checkInput(net, 'z', z);
      if (net.layers.length !== 1) throw new RangeError(`net: layers: expected one, got ${net.layers.length}`);
      checkArray('p', p, z.length);
      checkArray('J^T p', back, z.length);
      checkLike('velocity', [to], net);
      kernel.backward(net, z, p, to, back);
    },
    tangent: (net, directions, pass) => {
      checkTangent(net, directions, pass);
      return kernel.tangent(net, directions, pass);
    },
    peak: () => kernel.peak(),
  };
}
