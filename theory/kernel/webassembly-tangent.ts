/** The derivative of a pass by the WebAssembly kernel, as native.cc has it: layer by layer, all directions at once. */
import { ACTIVATIONS } from '../model/activations.js';
import type { Layer, Net } from '../model/particles.js';
import { chunksOf, type TangentPass } from './interface.js';
import { reduceChunks, toColumns, toRows, type Machine } from './machine.js';

const PARTS = ['a', 'b', 'bias'] as const;

/** Particles of a layer, or of its change in each direction, at three addresses. */
class Particles {
  private readonly at: readonly number[];

  constructor(
    private readonly machine: Machine,
    private readonly d: number,
    most: number,
    count: number,
  ) {
    this.at = [most * d, most * d, most].map((size) => machine.allocate(count * size));
  }

  private each(layers: readonly Layer[], body: (numbers: Float64Array, part: Float64Array) => void): void {
    PARTS.forEach((name, i) => {
      layers.forEach((layer, q) => {
        const size = name === 'bias' ? layer.m : layer.m * this.d;
        body(this.machine.view(this.at[i]! + 8 * q * size, size), layer[name]);
      });
    });
  }

  write(layers: readonly Layer[]): void {
    this.each(layers, (numbers, part) => numbers.set(part));
  }

  /** What is there, times `scale`, into the layers. */
  read(layers: readonly Layer[], scale: number): void {
    this.each(layers, (numbers, part) => {
      for (let i = 0; i < part.length; i++) part[i] = scale * numbers[i]!;
    });
  }

  /** Its addresses under the names that a job has for them. */
  named<Name extends string>(a: Name, b: Name, bias: Name): Record<Name, number> {
    return { [a]: this.at[0], [b]: this.at[1], [bias]: this.at[2] } as Record<Name, number>;
  }
}

/**
 * The derivative of a pass in `directions` [K][L], written into the arrays of `pass`; returns the loss, or NaN without
 * targets. Throws FailureError when the module's memory is used up.
 */
export function tangentOn(
  machine: Machine,
  net: Net,
  directions: readonly (readonly Layer[])[],
  pass: TangentPass,
): number {
  const { d, alpha, c, activation, layers } = net;
  const [K, n] = [directions.length, pass.x.length / d];
  const most = Math.max(...layers.map(({ m }) => m));
  machine.reset();
  const S = 4 * Math.ceil(n / 4);
  const size = d * S;
  const bytes = 8 * (1 + K) * size;
  const groups = (count: number): number => machine.allocate((count * bytes) / 8);
  const sheet = (group: number, q: number): Float64Array => machine.view(group + 8 * q * size, size);
  const [zs, sums, gradients] = [groups(layers.length + 1), groups(chunksOf(most)), groups(2)];
  const particles = new Particles(machine, d, most, 1);
  const changes = new Particles(machine, d, most, K);
  const velocity = new Particles(machine, d, most, 1);
  const velocities = new Particles(machine, d, most, K);
  const scratch = machine.allocate(machine.threads * 6 * S);
  const at = (l: number): number => zs + l * bytes;

  /** Sums of all chunks: target = alpha base + (c/m) sum, for the sheet and its changes. */
  const launch = (which: 2 | 3, l: number, p: number, target: number): void => {
    const { m } = layers[l]!;
    particles.write([layers[l]!]);
    changes.write(directions.map((direction) => direction[l]!));
    const chunks = chunksOf(m);
    machine.run({
      ...{ pass: which, activation: ACTIVATIONS[activation].code, d, S, m, chunks, directions: K },
      ...{ z: at(l), p, dz: at(l) + 8 * size, dp: p + 8 * size, sheets: sums, scratch },
      ...particles.named('a', 'b', 'bias'),
      ...changes.named('da', 'db', 'dbias'),
      ...velocity.named('ga', 'gb', 'gbias'),
      ...velocities.named('gda', 'gdb', 'gdbias'),
    });
    const whole = (group: number): Float64Array => machine.view(group, bytes / 8);
    reduceChunks(machine.view(sums, (chunks * bytes) / 8), whole(which === 2 ? at(l) : p), whole(target), alpha, c / m);
  };

  toColumns(pass.x, d, S, sheet(zs, 0));
  for (let q = 0; q < K; q++) {
    const change = pass.dx?.[q];
    if (change === undefined) sheet(zs, q + 1).fill(0);
    else toColumns(change, d, S, sheet(zs, q + 1));
  }
  let [p, back] = [gradients, gradients + bytes];
  let loss = NaN;
  if (pass.gradient === undefined) {
    layers.forEach((_, l) => {
      launch(2, l, p, at(l + 1));
      directions.forEach((_change, q) => {
        const out = pass.outputs?.[q]?.[l];
        if (out !== undefined) toRows(sheet(at(l + 1), q + 1), d, S, out);
      });
    });
    if (pass.y === undefined) return NaN;
    const targets = sheet(sums, 0);
    toColumns(pass.y, d, S, targets);
    // nothing behind the last sample: it would count in the sums over samples
    const last = at(layers.length);
    let squares = 0;
    for (let q = 0; q <= K; q++) {
      const [from, to] = [sheet(last, q), sheet(p, q)];
      for (let j = 0; j < size; j++) to[j] = j % S < n ? from[j]! - (q === 0 ? targets[j]! : 0) : 0;
      if (q === 0) squares = to.reduce((sum, value) => sum + value * value, 0);
    }
    loss = squares / (2 * n);
    if (pass.velocity === undefined || pass.velocities === undefined) return loss;
  } else pass.gradient.forEach((values, q) => toColumns(values, d, S, sheet(p, q)));
  for (let l = layers.length - 1; l >= 0; l--) {
    launch(3, l, p, back);
    velocity.read([pass.velocity![l]!], -c / n);
    velocities.read(
      pass.velocities!.map((all) => all[l]!),
      -c / n,
    );
    [p, back] = [back, p];
  }
  pass.back?.forEach((values, q) => toRows(sheet(p, q), d, S, values));
  return loss;
}
