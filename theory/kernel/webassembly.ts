/** The WebAssembly kernel on any platform: passes through a network on the module's memory. */
import { ACTIVATIONS } from '../model/activations.js';
import type { Layer, Net } from '../model/particles.js';
import { chunksOf, type Kernel } from './interface.js';
import { Machine, reduceChunks, toColumns, toRows, type Helpers, type WebAssembly } from './machine.js';
import { tangentOn } from './webassembly-tangent.js';

/**
 * Bytes of activations that are kept from a step's forward pass for its backward one, at most. At 16 bytes a pair they
 * are read and written far faster than this form computes, in a cache or not; this bounds the memory that they take.
 */
const KEPT = 512 * 2 ** 20;

/** One network on one batch: where its sheets lie, and the two passes through a layer. */
class Pass {
  readonly S: number;
  readonly sheet: number;
  private readonly sheets: number;
  private readonly scratch: number;
  private readonly particles: { a: number; b: number; bias: number; ga: number; gb: number; gbias: number };

  constructor(
    readonly machine: Machine,
    readonly net: Net,
    readonly n: number,
  ) {
    const { d, layers } = net;
    const most = Math.max(...layers.map(({ m }) => m));
    machine.reset();
    this.S = Math.ceil(n / 4) * 4;
    this.sheet = d * this.S;
    this.sheets = machine.allocate(chunksOf(most) * this.sheet);
    this.scratch = machine.allocate(machine.threads * 4 * this.S);
    const [a, b, ga, gb] = [0, 1, 2, 3].map(() => machine.allocate(most * d)) as [number, number, number, number];
    this.particles = { a, b, ga, gb, bias: machine.allocate(most), gbias: machine.allocate(most) };
  }

  /** Adds the chunks' sums in their order: target = alpha base + (c/m) sum. */
  private reduce(m: number, base: number, target: number): void {
    const { alpha, c } = this.net;
    const [from, to] = [this.machine.view(base, this.sheet), this.machine.view(target, this.sheet)];
    reduceChunks(this.machine.view(this.sheets, chunksOf(m) * this.sheet), from, to, alpha, c / m);
  }

  private launch(pass: 0 | 1, { m, a, b, bias }: Layer, z: number, p: number, kept: number): void {
    const { d, activation } = this.net;
    this.machine.view(this.particles.a, m * d).set(a);
    this.machine.view(this.particles.b, m * d).set(b);
    this.machine.view(this.particles.bias, m).set(bias);
    this.machine.run({
      pass,
      activation: ACTIVATIONS[activation].code,
      d,
      S: this.S,
      m,
      chunks: chunksOf(m),
      ...this.particles,
      z,
      p,
      sheets: this.sheets,
      scratch: this.scratch,
      kept,
    });
  }

  /**
   * Addresses for the activations of the layers [m, S], which the backward pass reads then, for as many layers as
   * {@link KEPT} and the module's memory allow; 0 for the others, and for activations of which the derivative does not
   * follow from the value. Nothing may be allocated after it that has to be there.
   */
  keepValues(): number[] {
    const { layers, activation } = this.net;
    let left = activation === 'tanh' ? KEPT : 0;
    return layers.map(({ m }) => {
      const bytes = 8 * m * this.S;
      const address = bytes > left ? undefined : this.machine.find(m * this.S);
      if (address === undefined) return 0;
      left -= bytes;
      return address;
    });
  }

  forward(layer: Layer, z: number, out: number, kept = 0): void {
    this.launch(0, layer, z, 0, kept);
    this.reduce(layer.m, z, out);
  }

  /** target = base + scale * gradient, with base the layer itself or zero. */
  backward(
    layer: Layer,
    target: Layer,
    add: boolean,
    scale: number,
    [z, p, back, kept = 0]: readonly [z: number, p: number, back: number, kept?: number],
  ): void {
    this.launch(1, layer, z, p, kept);
    this.reduce(layer.m, p, back);
    const { ga, gb, gbias } = this.particles;
    for (const [from, name] of [
      [ga, 'a'],
      [gb, 'b'],
      [gbias, 'bias'],
    ] as const) {
      const [to, base] = [target[name], layer[name]];
      const gradient = this.machine.view(from, to.length);
      if (add) for (let i = 0; i < to.length; i++) to[i] = base[i]! + scale * gradient[i]!;
      else for (let i = 0; i < to.length; i++) to[i] = scale * gradient[i]!;
    }
  }
}

/**
 * The kernel on a module and its memory, one page at first; `helpers` are further threads on the same memory, which
 * must be shared then.
 */
export function webAssemblyKernel(module: WebAssembly.Module, memory: WebAssembly.Memory, helpers?: Helpers): Kernel {
  const machine = new Machine(module, memory, helpers);
  return {
    name: 'wasm',
    forward: (net, x, outs) => {
      const pass = new Pass(machine, net, x.length / net.d);
      let [z, next] = [machine.allocate(pass.sheet), machine.allocate(pass.sheet)];
      toColumns(x, net.d, pass.S, machine.view(z, pass.sheet));
      net.layers.forEach((layer, l) => {
        pass.forward(layer, z, next);
        [z, next] = [next, z];
        if (outs[l] !== undefined) toRows(machine.view(z, pass.sheet), net.d, pass.S, outs[l]);
      });
    },
    descend: (net, x, y, dt, losses, to) => {
      const { d, c, layers } = net;
      const n = x.length / d;
      const pass = new Pass(machine, net, n);
      const zs = Array.from({ length: layers.length + 1 }, () => machine.allocate(pass.sheet));
      const targets = machine.allocate(pass.sheet);
      let [p, back] = [machine.allocate(pass.sheet), machine.allocate(pass.sheet)];
      const kept = pass.keepValues();
      toColumns(x, d, pass.S, machine.view(zs[0]!, pass.sheet));
      toColumns(y, d, pass.S, machine.view(targets, pass.sheet));
      for (let step = 0; step < losses.length; step++) {
        layers.forEach((layer, l) => pass.forward(layer, zs[l]!, zs[l + 1]!, kept[l]));
        const [z, goal, residual] = [zs.at(-1)!, targets, p].map((address) => machine.view(address, pass.sheet)) as [
          Float64Array,
          Float64Array,
          Float64Array,
        ];
        let squares = 0;
        for (let j = 0; j < pass.sheet; j++) {
          const r = j % pass.S < n ? z[j]! - goal[j]! : 0;
          residual[j] = r;
          squares += r * r;
        }
        losses[step] = squares / (2 * n);
        if (!Number.isFinite(losses[step])) return step + 1;
        for (let l = layers.length - 1; l >= 0; l--) {
          pass.backward(layers[l]!, (to ?? layers)[l]!, to === undefined, (-dt * c) / n, [zs[l]!, p, back, kept[l]!]);
          [p, back] = [back, p];
        }
      }
      return losses.length;
    },
    backward: (net, z, p, to, back) => {
      const { d, c, layers } = net;
      const n = z.length / d;
      const pass = new Pass(machine, net, n);
      const [input, gradient, out] = [0, 1, 2].map(() => machine.allocate(pass.sheet)) as [number, number, number];
      toColumns(z, d, pass.S, machine.view(input, pass.sheet));
      toColumns(p, d, pass.S, machine.view(gradient, pass.sheet));
      pass.backward(layers[0]!, to, false, -c / n, [input, gradient, out]);
      toRows(machine.view(out, pass.sheet), d, pass.S, back);
    },
    tangent: (net, directions, pass) => tangentOn(machine, net, directions, pass),
    peak: () => undefined,
  };
}
