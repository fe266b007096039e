/** Both forms of the kernel against the formula, written out one pair at a time, and against each other. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { erf } from 'mathjs';
import { namesOf } from '../../src/core/registry.js';
import { normals, rngKey } from '../../src/core/rng.js';
import { cacheFolder } from '../../src/toolchain/cache.js';
import { expectedKernel, openKernel, useKernel, whyNotNative, type KernelName } from '../../theory/kernel/kernel.js';
import type { Kernel } from '../../theory/kernel/interface.js';
import type { WebAssembly as Platform } from '../../theory/kernel/machine.js';
import { webAssemblyKernel } from '../../theory/kernel/webassembly.js';
import { activations, output, velocity } from '../../theory/network/network.js';
import { ACTIVATIONS, type Activation } from '../../theory/model/activations.js';
import { copyNet, initialNet, zerosLike, type Net } from '../../theory/model/particles.js';
import { trainDirect } from '../../theory/flow/direct.js';
import { relativeError, TOLERANCE } from '../support/tolerance.js';
import { nativeSkip } from './support.js';

declare const WebAssembly: typeof Platform;

const VALUE: Record<Activation, (u: number) => [number, number]> = {
  tanh: (u) => [Math.tanh(u), 1 - Math.tanh(u) ** 2],
  erf: (u) => [erf(u / Math.SQRT2), Math.sqrt(2 / Math.PI) * Math.exp((-u * u) / 2)],
  relu: (u) => [Math.max(u, 0), u > 0 ? 1 : 0],
  gelu: (u) => {
    const phi = (1 + erf(u / Math.SQRT2)) / 2;
    return [u * phi, phi + (u * Math.exp((-u * u) / 2)) / Math.sqrt(2 * Math.PI)];
  },
  silu: (u) => {
    const sigma = 1 / (1 + Math.exp(-u));
    return [u * sigma, sigma + u * sigma * (1 - sigma)];
  },
  identity: (u) => [u, 1],
};

interface Reference {
  readonly z: number[][][];
  readonly gradients: { a: number[]; b: number[]; bias: number[] }[];
  readonly loss: number;
}

/** Forward, loss and m times the gradient with the sign turned, by the formulas of theory/README.md. */
function reference({ d, alpha, c, activation, layers }: Net, x: Float64Array, y: Float64Array): Reference {
  const n = x.length / d;
  const z: number[][][] = [Array.from({ length: n }, (_, s) => [...x.subarray(s * d, (s + 1) * d)])];
  const act = layers.map(({ m, a, b, bias }, l) => {
    const kept = z[l]!.map((row) =>
      Array.from({ length: m }, (_, i) =>
        VALUE[activation](row.reduce((sum, value, k) => sum + a[i * d + k]! * value, bias[i]!)),
      ),
    );
    z.push(
      z[l]!.map((row, s) =>
        row.map((value, k) => alpha * value + (c / m) * kept[s]!.reduce((sum, [t], i) => sum + b[i * d + k]! * t, 0)),
      ),
    );
    return kept;
  });
  let p = z.at(-1)!.map((row, s) => row.map((value, k) => value - y[s * d + k]!));
  const loss = p.flat().reduce((sum, r) => sum + r * r, 0) / (2 * n);
  const gradients = layers.map(() => ({ a: [] as number[], b: [] as number[], bias: [] as number[] }));
  for (let l = layers.length - 1; l >= 0; l--) {
    const { m, a, b } = layers[l]!;
    const g = gradients[l]!;
    const pl = p;
    const bp = (s: number, i: number): number => pl[s]!.reduce((sum, value, k) => sum + b[i * d + k]! * value, 0);
    for (let i = 0; i < m; i++) {
      for (let k = 0; k < d; k++) {
        g.a.push((-c / n) * pl.reduce((sum, _, s) => sum + bp(s, i) * act[l]![s]![i]![1] * z[l]![s]![k]!, 0));
        g.b.push((-c / n) * pl.reduce((sum, row, s) => sum + row[k]! * act[l]![s]![i]![0], 0));
      }
      g.bias.push((-c / n) * pl.reduce((sum, _, s) => sum + bp(s, i) * act[l]![s]![i]![1], 0));
    }
    p = pl.map((row, s) =>
      row.map(
        (value, k) =>
          alpha * value +
          (c / m) *
            Array.from({ length: m }, (_, i) => bp(s, i) * act[l]![s]![i]![1] * a[i * d + k]!).reduce(
              (u, v) => u + v,
              0,
            ),
      ),
    );
  }
  return { z, gradients, loss };
}

const opened = new Map<string, Kernel>();
function open(name: KernelName, threads: number): Kernel {
  const key = `${name} ${threads}`;
  if (!opened.has(key)) opened.set(key, openKernel(name, threads));
  return opened.get(key)!;
}

afterEach(() => useKernel(undefined));

describe.each(['native', 'wasm'] as const)('%s kernel', (name) => {
  const skip = name === 'native' && nativeSkip();

  test.skipIf(skip).each(namesOf(ACTIVATIONS))(
    '%s: activations, loss and velocity are the formulas, for any sizes [b]',
    (activation) => {
      fc.assert(
        fc.property(
          fc.record({
            seed: fc.nat(1000),
            d: fc.integer({ min: 1, max: 11 }),
            n: fc.integer({ min: 1, max: 19 }),
            alpha: fc.constantFrom(0, 1),
            m: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 3 }),
          }),
          ({ seed, d, n, alpha, m }) => {
            useKernel(open(name, 1));
            const net = initialNet(seed, { depth: m.length, m, d, alpha, c: 1.3, activation }, { rho: 0.4, sa: 1.7 });
            const [x, y] = [normals(rngKey(seed, 'x'), n * d), normals(rngKey(seed, 'y'), n * d)];
            const expected = reference(net, x, y);
            activations(net, x).forEach((z, l) =>
              expect(relativeError(z, expected.z[l]!.flat())).toBeLessThan(TOLERANCE.f64),
            );
            const { loss, layers } = velocity(net, { n, x, y });
            expect(Math.abs(loss / expected.loss - 1)).toBeLessThan(TOLERANCE.f64);
            layers.forEach((layer, l) => {
              for (const part of ['a', 'b', 'bias'] as const)
                // sums that nearly cancel
                expect(relativeError(layer[part], expected.gradients[l]![part])).toBeLessThan(1e-11);
            });
          },
        ),
        { seed: 1, numRuns: 40 },
      );
    },
  );

  test.skipIf(skip)('dimensions far above those of the studies: the formulas, too [b]', () => {
    useKernel(open(name, 1));
    const [d, n] = [130, 5];
    const net = initialNet(2, { depth: 2, m: [9, 3], d, alpha: 0.5, c: 1 }, { rho: 0.4, sa: 0.1 });
    const [x, y] = [normals(rngKey(2, 'x'), n * d), normals(rngKey(2, 'y'), n * d)];
    const expected = reference(net, x, y);
    expect(relativeError(output(net, x), expected.z[2]!.flat())).toBeLessThan(TOLERANCE.f64);
    velocity(net, { n, x, y }).layers.forEach((layer, l) =>
      expect(relativeError(layer.a, expected.gradients[l]!.a)).toBeLessThan(1e-11),
    );
  });

  test.skipIf(skip)('the number of threads changes no bit', () => {
    for (const [m, n] of [
      [70, 300],
      [700, 40],
      [3000, 16],
    ] as const) {
      const net = initialNet(3, { depth: 2, m, d: 4, alpha: 1, c: 1 }, { rho: 0 });
      const [x, y] = [normals(rngKey(3, 'x'), n * 4), normals(rngKey(3, 'y'), n * 4)];
      const trained = [1, 2, 3].map((threads) => {
        useKernel(open(name, threads));
        const copy = copyNet(net);
        trainDirect(copy, { n, x, y }, { steps: 3, dt: 0.1 });
        return [...output(copy, x)];
      });
      expect(trained[1]).toEqual(trained[0]);
      expect(trained[2]).toEqual(trained[0]);
    }
  });

  test.skipIf(skip)('extreme arguments of the activations stay finite and right', () => {
    useKernel(open(name, 1));
    for (const activation of namesOf(ACTIVATIONS)) {
      for (const u of [-1e300, -800, -40, -7, -1e-3, -1e-12, 0, 1e-12, 0.3, 5, 9, 40, 800, 1e300]) {
        const net: Net = {
          d: 1,
          alpha: 0,
          c: 1,
          activation,
          layers: [{ m: 1, a: Float64Array.of(0), b: Float64Array.of(1), bias: Float64Array.of(u) }],
        };
        const expected = VALUE[activation](u)[0];
        expect(Math.abs(output(net, Float64Array.of(1))[0]! - expected)).toBeLessThanOrEqual(
          1e-15 + 1e-15 * Math.abs(expected),
        );
      }
    }
  });
});

test.skipIf(nativeSkip()).each(['native', 'wasm'] as const)(
  '%s: a weight that is not a number shows in the output, whatever the activation',
  (name) => {
    useKernel(open(name, 1));
    for (const activation of namesOf(ACTIVATIONS)) {
      for (const part of ['a', 'b', 'bias'] as const) {
        const net = initialNet(1, { depth: 1, m: 9, d: 2, alpha: 1, c: 1, activation }, { rho: 0 });
        net.layers[0]![part][3] = NaN;
        expect([activation, part, output(net, Float64Array.of(1, 2)).some(Number.isNaN)]).toEqual([
          activation,
          part,
          true,
        ]);
      }
    }
  },
);

test.skipIf(nativeSkip())(
  'an addon that is damaged is built again; without a compiler the WebAssembly kernel takes over and says why',
  () => {
    const cache = mkdtempSync(join(tmpdir(), 'gowide-kernel-'));
    const script =
      "const { kernel, whyNotNative } = await import(process.argv[1]); console.log(kernel().name, whyNotNative() ?? '-');";
    const module = resolve(import.meta.dirname, '../../dist/theory/kernel/kernel.js');
    const run = (env: NodeJS.ProcessEnv): string =>
      spawnSync(process.execPath, ['--input-type=module', '-e', script, pathToFileURL(module).href], {
        encoding: 'utf8',
        timeout: 120_000,
        killSignal: 'SIGKILL',
        env: { ...process.env, GOWIDE_KERNEL: '', GOWIDE_CACHE: cache, ...env },
      }).stdout.trim();
    // a compiler makes what it made for this process: a script that copies it, and notes its call, saves its time
    expect(openKernel('native', 1).name).toBe('native');
    const [called, bin] = [join(cache, 'called'), join(cache, 'bin')];
    mkdirSync(bin);
    const copies = join(bin, 'c++');
    writeFileSync(
      copies,
      `#!/bin/sh
[ "$1" = --version ] && exit
echo compiled >> '${called}'
while [ "$1" != -o ]; do shift; done
cp '${join(cacheFolder(), 'kernel')}'/"$(basename "$(dirname "$2")")"/kernel.node "$2"
`,
      { mode: 0o755 },
    );
    expect(run({ CXX: copies })).toBe('native -');
    const [key] = readdirSync(join(cache, 'kernel'));
    const addon = join(cache, 'kernel', key!, 'kernel.node');
    const made = readFileSync(addon);
    writeFileSync(addon, 'no addon');
    expect(run({ CXX: copies })).toBe('native -');
    expect(readFileSync(called, 'utf8')).toBe('compiled\ncompiled\n');
    expect(readFileSync(addon)).toEqual(made);
    rmSync(join(cache, 'kernel'), { recursive: true });
    expect(run({ PATH: cache, CXX: '' })).toMatch(/^wasm the native kernel needs a C\+\+ compiler/);
    // one that CXX names and that does not work is passed over for the next
    expect(run({ CXX: 'false', PATH: `${bin}${delimiter}${process.env.PATH}` })).toBe('native -');
    expect(readFileSync(called, 'utf8')).toBe('compiled\ncompiled\ncompiled\n');
  },
);

test.skipIf(nativeSkip())(
  'every worker of Node has threads of the native kernel of its own, which end with it',
  async () => {
    const program = `
    import(${JSON.stringify(pathToFileURL(resolve('dist/theory/kernel/kernel.js')).href)}).then(({ openKernel }) => {
      const [m, values] = [500, (n, value) => new Float64Array(n).fill(value)];
      const layer = { m, a: values(4 * m, 0.3), b: values(4 * m, 0.2), bias: values(m, 0) };
      const net = { d: 4, alpha: 1, c: 1, activation: 'tanh', layers: [layer] };
      const losses = values(300, NaN);
      openKernel('native', 2).descend(net, values(400, 0.5), values(400, 0.1), 0.1, losses);
      require('node:worker_threads').parentPort.postMessage(losses.at(-1));
    });`;
    const lossOf = async (): Promise<number> => {
      const worker = new Worker(program, { eval: true });
      const [[loss], [status]] = (await Promise.all([once(worker, 'message'), once(worker, 'exit')])) as [
        [number],
        [number],
      ];
      expect(status).toBe(0);
      return loss;
    };
    const together = await Promise.all([lossOf(), lossOf(), lossOf()]);
    expect(together).toEqual(Array(3).fill(await lossOf()));
    expect(together[0]).toBeGreaterThan(0);
  },
);

test('WebAssembly: values of tanh that are kept for the backward pass change no bit, for any width and number of threads', () => {
  const [d, n] = [3, 13];
  for (const [m, threads] of [
    [1, 1],
    [71, 1],
    [701, 2],
  ] as const) {
    const kernel = open('wasm', threads);
    const net = initialNet(7, { depth: 1, m, d, alpha: 1, c: 1.3 }, { rho: 0.3, sa: 2 });
    const [x, y] = [normals(rngKey(7, 'x'), n * d), normals(rngKey(7, 'y'), n * d)];
    const [kept, anew] = [0, 1].map(() => zerosLike(net.layers));
    kernel.descend(net, x, y, 1, new Float64Array(1), kept);
    const out = new Float64Array(n * d);
    kernel.forward(net, x, [out]);
    const error = out.map((value, j) => value - y[j]!);
    kernel.backward(net, x, error, anew![0]!, new Float64Array(n * d));
    for (const part of ['a', 'b', 'bias'] as const) expect([...kept![0]![part]]).toEqual([...anew![0]![part]]);
  }
});

test('WebAssembly: what its memory has no room for is not kept, with the bits of one that has room', () => {
  const file = join(import.meta.dirname, '../../theory/kernel/kernel-single.wasm');
  const module = new WebAssembly.Module(readFileSync(file));
  const [m, n] = [1000, 40];
  const values = (pages: number): number[] => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: pages });
    const net = initialNet(7, { depth: 3, m, d: 1, alpha: 1, c: 1 }, { rho: 0.3 });
    const losses = new Float64Array(2);
    const kernel = webAssemblyKernel(module, memory, undefined);
    kernel.descend(net, normals(rngKey(7, 'x'), n), normals(rngKey(7, 'y'), n), 1, losses);
    // three layers keep 0.3 MB each
    expect(memory.buffer.byteLength / 65_536).toBeLessThanOrEqual(pages);
    return [...losses, ...net.layers.flatMap(({ a, b, bias }) => [...a, ...b, ...bias])];
  };
  const whole = values(100);
  for (const pages of [4, 8, 13]) expect(values(pages)).toEqual(whole);
  expect(() => values(1)).toThrow(/cannot get/);
});

test.skipIf(nativeSkip())('native and WebAssembly agree to 1e-12 after 50 steps', () => {
  for (const activation of namesOf(ACTIVATIONS)) {
    const net = initialNet(5, { depth: 3, m: 200, d: 8, alpha: 1, c: 1, activation }, { rho: 0.2 });
    const [x, y] = [normals(rngKey(5, 'x'), 64 * 8), normals(rngKey(5, 'y'), 64 * 8)];
    const [native, wasm] = (['native', 'wasm'] as const).map((name) => {
      useKernel(open(name, 2));
      const copy = copyNet(net);
      const { losses } = trainDirect(copy, { n: 64, x, y }, { steps: 50, dt: 0.05 });
      return [...output(copy, x), ...losses, ...copy.layers[1]!.a];
    });
    expect(relativeError(native!, wasm!)).toBeLessThan(1e-12);
  }
});

describe('the kernel that is expected', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    useKernel(undefined);
  });

  test('is the one that is asked for, and the one in use', () => {
    useKernel(undefined);
    vi.stubEnv('GOWIDE_KERNEL', 'wasm');
    expect(expectedKernel()).toBe('wasm');
    vi.stubEnv('GOWIDE_KERNEL', 'gpu');
    expect(expectedKernel).toThrow(/GOWIDE_KERNEL: unknown kernel "gpu"; expected one of: native, wasm/);
    useKernel(openKernel('wasm', 1));
    expect(expectedKernel()).toBe('wasm');
  });

  test('is none by its name alone, and has no reason of an earlier one', () => {
    expect(() => useKernel('wasm' as never)).toThrow(
      /^useKernel: expected an object with name, forward, .*got string$/,
    );
    vi.stubEnv('GOWIDE_KERNEL', undefined);
    vi.stubEnv('GOWIDE_CACHE', mkdtempSync(join(tmpdir(), 'gowide-reason-')));
    vi.stubEnv('CXX', process.execPath);
    vi.stubEnv('PATH', '');
    useKernel(undefined);
    expect(whyNotNative()).toBeDefined();
    vi.stubEnv('GOWIDE_KERNEL', 'wasm');
    useKernel(undefined);
    expect(whyNotNative()).toBeUndefined();
  });

  test('is the native one where there is a compiler, or was one, else WebAssembly', () => {
    const folder = mkdtempSync(join(tmpdir(), 'gowide-expected-'));
    useKernel(undefined);
    vi.stubEnv('GOWIDE_KERNEL', undefined);
    vi.stubEnv('GOWIDE_CACHE', folder);
    vi.stubEnv('CXX', process.execPath); // answers --version, as compilers do
    expect(expectedKernel()).toBe('native');
    expect(readdirSync(folder)).toEqual([]);
    vi.stubEnv('CXX', undefined);
    vi.stubEnv('PATH', folder);
    expect(expectedKernel()).toBe('wasm');
    rmSync(folder, { recursive: true });
  });
});
