/** First-order changes of outputs and velocities: against differences, and both forms of the kernel compared. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { normals, rngKey } from '../../src/core/rng.js';
import { openKernel, useKernel } from '../../theory/kernel/kernel.js';
import type { WebAssembly as Platform } from '../../theory/kernel/machine.js';
import { webAssemblyKernel } from '../../theory/kernel/webassembly.js';
import { ACTIVATIONS } from '../../theory/model/activations.js';
import type { TangentPass } from '../../theory/kernel/interface.js';
import { copyNet, initialNet, zerosLike, type Layer, type Net } from '../../theory/model/particles.js';
import { activations, output, velocity } from '../../theory/network/network.js';
import { outputChanges, velocityChanges, type Direction } from '../../theory/network/tangents.js';
import { namesOf } from '../../src/core/registry.js';
import { relativeError, TOLERANCE } from '../support/tolerance.js';
import { plainTangent } from './plain-tangent.js';
import { nativeSkip } from './support.js';

declare const WebAssembly: typeof Platform;

afterEach(() => useKernel(undefined));

const SMOOTH = namesOf(ACTIVATIONS).filter((name) => ACTIVATIONS[name].secondDerivative !== undefined);

/**
 * A net of uneven widths with two directions, and 29 samples: no size is a whole number of vectors or of tiles, and the
 * last layer is work for several threads.
 */
function setting(activation: Net['activation'], d = 3) {
  const net = initialNet(4, { depth: 3, m: [9, 17, 70], d, alpha: 0.7, c: 1.5, activation }, { rho: 0.4 });
  const direction = (k: number): Layer[] =>
    net.layers.map(({ m }, l) => ({
      m,
      a: normals(rngKey(k, 'da', l), m * d),
      b: normals(rngKey(k, 'db', l), m * d),
      bias: normals(rngKey(k, 'dbias', l), m),
    }));
  const [x, y] = [normals(rngKey(4, 'x'), 29 * d), normals(rngKey(4, 'y'), 29 * d)];
  const dx = [normals(rngKey(5, 'dx'), 29 * d), normals(rngKey(6, 'dx'), 29 * d)];
  return { net, directions: [direction(1), direction(2)], samples: { n: 29, x, y }, dx };
}

const flat = (layers: Direction): number[] => layers.flatMap(({ a, b, bias }) => [...a, ...b, ...bias]);

/** The net, `step` along a direction. */
function along(net: Net, direction: Direction, step: number): Net {
  const moved = copyNet(net);
  moved.layers.forEach((layer, l) =>
    (['a', 'b', 'bias'] as const).forEach((part) =>
      layer[part].forEach((_, i) => (layer[part][i]! += step * direction[l]![part][i]!)),
    ),
  );
  return moved;
}

describe.each(nativeSkip() ? (['wasm'] as const) : (['native', 'wasm'] as const))('kernel %s', (name) => {
  test.each(SMOOTH)('%s: changes are what central differences say', (activation) => {
    useKernel(openKernel(name, 2));
    const { net, directions, samples, dx } = setting(activation);
    const found = velocityChanges(net, directions, samples, dx);
    const outs = outputChanges(net, directions, samples.x, dx);
    expect(relativeError(flat(found.layers), flat(velocity(net, samples).layers))).toBeLessThan(TOLERANCE.f64);
    expect(found.loss).toBeCloseTo(velocity(net, samples).loss, 12);
    const h = 1e-5;
    directions.forEach((direction, k) => {
      const at = (step: number) => {
        const x = samples.x.map((value, j) => value + step * dx[k]![j]!);
        const moved = along(net, direction, step);
        return [...flat(velocity(moved, { ...samples, x }).layers), ...output(moved, x)];
      };
      const [up, down] = [at(h), at(-h)];
      // the differences' own error: h^2 times third derivatives, and rounding over h
      expect(
        relativeError(
          [...flat(found.changes[k]!), ...outs[k]!.at(-1)!],
          up.map((value, i) => (value - down[i]!) / (2 * h)),
        ),
      ).toBeLessThan(1e-7);
    });
  });

  test.each(['squared', 'cross-entropy'] as const)(
    'layers with scales of their own behind read maps, %s loss: changes are what central differences say',
    (loss) => {
      useKernel(openKernel(name, 1));
      const shape = { depth: 2, m: [9, 5], d: 3, alpha: [1, 0.3], c: [-1, 2], inputs: 2, outputs: 4 };
      const net = initialNet(4, shape, { rho: 0.4 });
      const direction = initialNet(5, shape, { rho: 0 }).layers.map(({ m, a, b, bias }) => ({ m, a, b, bias }));
      const [x, dx] = [normals(rngKey(4, 'x'), 5 * 2), normals(rngKey(5, 'dx'), 5 * 2)];
      const y = Float64Array.from({ length: 5 * 4 }, (_, j) => [0.1, 0.2, 0.3, 0.4][j % 4]!);
      const samples = { n: 5, x, y, loss };
      const found = velocityChanges(net, [direction], samples, [dx]);
      const states = outputChanges(net, [direction], x, [dx])[0]!;
      expect(found.loss).toBeCloseTo(velocity(net, samples).loss, 12);
      expect(relativeError(flat(found.layers), flat(velocity(net, samples).layers))).toBeLessThan(TOLERANCE.f64);
      const h = 1e-5;
      const [up, down] = [h, -h].map((step) => {
        const [moved, at] = [along(net, direction, step), x.map((value, j) => value + step * dx[j]!)];
        return [...flat(velocity(moved, { ...samples, x: at }).layers), ...activations(moved, at).slice(1)].flatMap(
          (value) => (typeof value === 'number' ? value : [...value]),
        );
      });
      const changes = [...flat(found.changes[0]!), ...states.flatMap((values) => [...values])];
      // the differences' own error
      expect(
        relativeError(
          changes,
          up!.map((value, i) => (value - down![i]!) / (2 * h)),
        ),
      ).toBeLessThan(1e-7);
    },
  );

  test('tangents are the plain ones, for every activation and thread count', () => {
    for (const activation of namesOf(ACTIVATIONS))
      for (const d of [1, 4]) {
        const { net, directions, samples, dx } = setting(activation, d);
        const all = [1, 2].map((threads) => {
          useKernel(openKernel(name, threads));
          const { layers, changes } = velocityChanges(net, directions, samples, dx);
          return [layers, ...changes].flatMap(flat);
        });
        expect(all[1]).toEqual(all[0]);
        const [mine, velocities] = [zerosLike(net.layers), directions.map(() => zerosLike(net.layers))];
        plainTangent(net, directions, { ...samples, dx, velocity: mine, velocities });
        expect(relativeError(all[0]!, [mine, ...velocities].flatMap(flat))).toBeLessThan(TOLERANCE.f64);
      }
  });

  test('without directions a pass of tangents is the velocity alone', () => {
    useKernel(openKernel(name, 1));
    const { net, samples } = setting('tanh');
    const { layers, loss } = velocityChanges(net, [], samples);
    expect(relativeError(flat(layers), flat(velocity(net, samples).layers))).toBeLessThan(TOLERANCE.f64);
    expect(loss).toBeCloseTo(velocity(net, samples).loss, 12);
  });

  test('passes of which something is missing, or too much, are refused', () => {
    const kernel = openKernel(name, 1);
    const { net, directions, samples } = setting('tanh');
    const [velocity, velocities] = [zerosLike(net.layers), directions.map(() => zerosLike(net.layers))];
    const [x, y] = [samples.x, samples.y];
    const gradient = [x, x, x];
    const cases: readonly [pass: TangentPass, message: string][] = [
      [{ x, y, velocity, velocities: [...velocities, velocity] }, 'velocities: expected those of 2 directions, got 3'],
      [{ x, y, velocity, velocities: velocities.slice(1) }, 'velocities: expected those of 2 directions, got 1'],
      [{ x, outputs: [[]] }, 'outputs: expected those of 2 directions, got 1'],
      [{ x, y, velocity: velocity.slice(1), velocities }, 'velocity: expected 3 layer(s), got 2'],
      [{ x, y, velocity }, 'velocity, velocities: expected both or neither'],
      [{ x, gradient, velocity, velocities }, 'gradient: expected a net of one layer, got 3'],
      [{ x, y, back: gradient }, 'back: expected gradient with it'],
    ];
    for (const [pass, message] of cases) expect(() => kernel.tangent(net, directions, pass)).toThrow(message);
    const single = { ...net, layers: net.layers.slice(0, 1) };
    const ofOne = directions.map((direction) => direction.slice(0, 1));
    expect(() => kernel.tangent(single, ofOne, { x, gradient })).toThrow('gradient: expected velocity with it');
    expect(() => kernel.tangent(single, directions, { x })).toThrow('direction 0: expected 1 layer(s), got 3');
  });

  test('a direction of another shape is refused by its number', () => {
    useKernel(openKernel(name, 1));
    const { net, directions, samples } = setting('tanh');
    expect(() => velocityChanges(net, [directions[0]!, directions[1]!.slice(1)], samples)).toThrow(
      'direction 1, layer 0: expected 9 particles, got 17',
    );
  });
});

test.each([1, 5, 8])('the form for browsers has the plain ones, too, from %i samples', (n) => {
  const module = new WebAssembly.Module(readFileSync(resolve('theory/kernel/kernel-single.wasm')));
  const kernel = webAssemblyKernel(module, new WebAssembly.Memory({ initial: 1, maximum: 100 }));
  const { net, directions, samples, dx } = setting('silu');
  const [x, y] = [samples.x, samples.y].map((values) => values.slice(0, n * net.d)) as [Float64Array, Float64Array];
  const parts = dx.map((values) => values.slice(0, n * net.d));
  const [mine, plain] = [kernel, { tangent: plainTangent }].map((one) => {
    const [velocity, velocities] = [zerosLike(net.layers), directions.map(() => zerosLike(net.layers))];
    const loss = one.tangent(net, directions, { x, y, dx: parts, velocity, velocities });
    return [loss, ...[velocity, ...velocities].flatMap(flat)];
  });
  expect(relativeError(mine!, plain!)).toBeLessThan(TOLERANCE.f64);
});
