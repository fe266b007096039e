import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { HostArrays, HostValues } from '../../src/core/host-array.js';
import { normals, rngKey } from '../../src/core/rng.js';
import { readSafetensors, writeSafetensors } from '../../src/store/safetensors.js';
import { imports, pythonWith } from '../../src/toolchain/python.js';
import { findTools } from '../../src/toolchain/tools.js';
import { parseSimulation } from '../../theory/simulate/declaration.js';
import { simulate } from '../../theory/simulate/simulate.js';

const MODEL = { depth: 2, d: 3, width: 8 };
const FLOW = { steps: 5, dt: 0.05 };

/** Particles and data of MODEL. */
function particles(): Record<string, { shape: number[]; values: Float64Array }> {
  const draw = (name: string, shape: number[]): { shape: number[]; values: Float64Array } => ({
    shape,
    values: normals(
      rngKey(1, name),
      shape.reduce((a, b) => a * b, 1),
    ),
  });
  const layers = [1, 2].flatMap((l) =>
    [
      ['a', [8, 3]],
      ['b', [8, 3]],
      ['bias', [8]],
    ].map(
      ([part, shape]) => [`layer${l}/${part as string}`, draw(`${l}${part as string}`, shape as number[])] as const,
    ),
  );
  return { ...Object.fromEntries(layers), x: draw('x', [6, 3]), y: draw('y', [6, 3]) };
}

describe('simulate', () => {
  test('writes final particles, outputs and data; the file’s numbering of layers is kept', () => {
    const { arrays, summary } = simulate({ model: MODEL, flow: FLOW }, particles());
    expect(Object.keys(arrays).sort()).toEqual([
      'layer1/a',
      'layer1/b',
      'layer1/bias',
      'layer2/a',
      'layer2/b',
      'layer2/bias',
      'output',
      'x',
      'y',
    ]);
    expect(arrays.output!.shape).toEqual([6, 3]);
    expect((summary.losses as number[]).length).toBe(6);
    const renamed = Object.fromEntries(
      Object.entries(particles()).map(([name, array]) => [
        name.replace(/^layer(\d)/, (_, l: string) => `layer${Number(l) - 1}`),
        array,
      ]),
    );
    const again = simulate({ model: MODEL, flow: FLOW }, renamed);
    expect(again.arrays['layer0/a']!.values).toEqual(arrays['layer1/a']!.values);
    expect(again.arrays.output!.values).toEqual(arrays.output!.values);
  });

  test('without a file everything follows from the seed; x and y alone can be given', () => {
    const config = { model: MODEL, flow: FLOW, seed: 4 };
    expect(simulate(config).arrays).toEqual(simulate(config).arrays);
    expect(simulate({ ...config, seed: 5 }).arrays['layer1/a']).not.toEqual(simulate(config).arrays['layer1/a']);
    const { x, y } = particles();
    expect(simulate(config, { x: x!, y: y! }).arrays.output!.shape).toEqual([6, 3]);
  });

  test.each([
    ['direct', {}],
    ['imitation', { imitation: FLOW }],
    ['three-stages', { imitation: FLOW, tuning: FLOW, inputs: 'thin', from: 'initial' }],
  ])('a thin net beside it: %s', (training, more) => {
    const { arrays, summary } = simulate({ model: MODEL, flow: FLOW, thin: { m: [3, 4], training, ...more } });
    expect(arrays['thin/layer2/a']!.shape).toEqual([4, 3]);
    const thin = summary.thin as { discrepancy: number; discrepancies: number[]; telescope: number[] };
    expect(thin.discrepancies.at(-1)).toBe(thin.discrepancy);
    expect(thin.discrepancy).toBeLessThanOrEqual(thin.telescope.reduce((a, b) => a + b, 0) * (1 + 1e-12));
  });

  test('halving, batches and the scale 1/L', () => {
    expect(simulate({ model: { ...MODEL, c: '1/L' }, flow: FLOW, halving: true }).summary.halvingShare).toBeLessThan(
      0.05,
    );
    expect(simulate({ model: MODEL, flow: { ...FLOW, batch: 4 } }).summary.batch).toBe(4);
  });
});

describe('data of one’s own', () => {
  const { x, y } = particles();
  const held = { shape: [4, 3], values: normals(rngKey(3, 'held'), 12) };
  const config = { model: MODEL, flow: FLOW, thin: { m: 3 } };

  test('distances are measured on held-out points of one’s own, which are asked for', () => {
    expect(() => simulate(config, { x: x!, y: y! })).toThrow(/"heldOut\/x" is missing: "x" is your own/);
    expect(() => simulate({ model: MODEL, flow: FLOW, halving: true }, { x: x!, y: y! })).toThrow(/"heldOut\/x"/);
    const at = (factor: number): number => {
      const points = { ...held, values: held.values.map((value) => factor * value) };
      const { summary } = simulate(config, { x: x!, y: y!, 'heldOut/x': points });
      return (summary.thin as { discrepancy: number }).discrepancy;
    };
    expect(at(1)).not.toBe(at(2));
  });

  test('held-out targets give a held-out loss; without them there is none', () => {
    const points = { x: x!, y: y!, 'heldOut/x': held };
    expect(simulate(config, points).summary.heldOutLoss).toBeUndefined();
    expect(simulate(config, { ...points, 'heldOut/y': held }).summary.heldOutLoss).toBeGreaterThan(0);
    const same = simulate(config, { x: x!, y: y!, 'heldOut/x': x!, 'heldOut/y': y! }).summary;
    expect(same.heldOutLoss).toBe(same.loss);
    expect(() => simulate(config, { ...points, 'heldOut/y': x! })).toThrow(/"heldOut\/y": expected shape \[4, 3\]/);
    expect(() => simulate(config, { ...points, 'heldOut/x': { shape: [4, 2], values: held.values.slice(8) } })).toThrow(
      /"heldOut\/x": expected shape \[4, 3\]/,
    );
  });
});

test('with batches the thin net is trained on the wide net’s batches', () => {
  const config = { model: { ...MODEL, width: 4 }, flow: { steps: 7, dt: 0.05, batch: 4 }, thin: { m: 4 } };
  // all of the wide net's particles: the same net in another order, if it sees the same samples in the same order
  const { summary } = simulate(config);
  expect((summary.thin as { discrepancy: number }).discrepancy).toBeLessThan(1e-13);
  expect(summary.thin).toMatchObject({ batch: 4 });
});

describe('what is allowed and seldom meant is warned of', () => {
  test.each([
    ['no skip and rho = 0', { alpha: 0 }, /alpha = 0 and rho = 0/],
    ['c = 0', { c: 0 }, /c = 0: particles have no part/],
  ])('%s', (_, model, message) => {
    expect(simulate({ model: { ...MODEL, ...model }, flow: FLOW }).warnings.join()).toMatch(message);
    expect(simulate({ model: MODEL, flow: FLOW }).warnings).toEqual([]);
  });
});

describe('what does not fit is refused in one line', () => {
  const good = { model: MODEL, flow: FLOW };
  const broken = (change: (arrays: ReturnType<typeof particles>) => void): HostArrays<HostValues> => {
    const arrays = particles();
    change(arrays);
    return arrays;
  };
  test.each([
    ['a NaN', broken((arrays) => (arrays['layer2/b']!.values[4] = NaN)), /"layer2\/b" has NaN at place 4/],
    [
      'a wrong shape',
      broken((arrays) => (arrays['layer1/a'] = { shape: [3, 8], values: new Float64Array(24) })),
      /"layer1\/a": expected shape \[8, 3\], got \[3, 8\]/,
    ],
    [
      'a missing array',
      broken((arrays) => delete arrays['layer2/bias']),
      /"layer2\/bias" is missing; expected \[8\] in F64/,
    ],
    [
      'a layer too many',
      broken((arrays) => (arrays['layer3/a'] = arrays['layer1/a']!)),
      /"layer3\/a" is not an array of a net of depth 2/,
    ],
    [
      'y of another length',
      broken((arrays) => (arrays.y = { shape: [5, 3], values: new Float64Array(15) })),
      /"y": expected shape \[6, 3\], got \[5, 3\]/,
    ],
    ['x without y', broken((arrays) => delete arrays.y), /"y" is missing/],
    ['F32', { ...particles(), x: { shape: [6, 3], values: new Float32Array(18) } }, /"x": expected F64/],
  ])('particles: %s', (_, arrays, message) => {
    expect(() => simulate(good, arrays)).toThrow(message);
  });

  test.each([
    ['an unknown key', { ...good, flwo: 1 }, /flwo/],
    ['a newer version', { ...good, version: 2 }, /version 2 is newer than this program knows \(1\)/],
    ['M below m', { ...good, thin: { m: 9 } }, /layer 1 has M = 8 particles, fewer than the m = 9/],
    [
      'widths for another depth',
      { ...good, model: { ...MODEL, width: [1, 2, 3] } },
      /"model.width": expected one width for each of 2 layers, got 3/,
    ],
    ['d above 1,024', { ...good, model: { ...MODEL, d: 1025 } }, /1,?024/],
    [
      'imitation without its steps',
      { ...good, thin: { m: 2, training: 'imitation' } },
      /"thin.imitation" \(steps, dt\) is needed/,
    ],
    ['an unknown integrator', { ...good, flow: { ...FLOW, method: 'leapfrog' } }, /euler/],
    ['a batch for rk4', { ...good, flow: { ...FLOW, batch: 2, method: 'rk4' } }, /goes with method "euler"/],
    ['no object', 3, /invalid config/],
  ])('config: %s', (_, config, message) => {
    expect(() => {
      parseSimulation(config);
      simulate(config);
    }).toThrow(message);
  });

  test('a dt that is too large is said to be so', () => {
    expect(() => simulate({ ...good, flow: { steps: 200, dt: 1e6 } })).toThrow(
      /exploded at step \d+ .*a smaller dt than 1000000 is needed/,
    );
    expect(simulate({ model: { ...MODEL, c: 3 }, flow: { steps: 40, dt: 0.25 } }).warnings.join()).toMatch(
      /the loss rose on \d+ of 40 steps/,
    );
  });

  test.each([
    { kind: 'sgd', batch: 4 },
    { kind: 'langevin', temperature: 0.5 },
    { kind: 'momentum', friction: 0.1 },
  ])('rises of the loss of $kind, whose loss may rise, are no warning', (flow) => {
    expect(simulate({ ...good, flow: { ...flow, steps: 200, dt: 0.1 } }).warnings).toEqual([]);
  });
});

/** A Python with NumPy: the one on the PATH, else an environment in the cache; undefined without Python. */
async function numpyPython(): Promise<string | undefined> {
  const { python } = findTools();
  return python === undefined || imports(python, 'numpy') ? python : pythonWith('numpy', 'numpy', ['numpy']);
}

const python = await numpyPython().catch(() => undefined);

describe.skipIf(python === undefined)('against NumPy (simulate_numpy.py), 100 steps from the same particles', () => {
  test.each([
    ['tanh, Euler, skip', { model: { depth: 3, d: 4, width: 40 }, flow: { steps: 100, dt: 0.05 } }],
    [
      'erf, Runge-Kutta, widths by layer, 1/L',
      {
        model: { depth: 3, d: 5, width: [20, 33, 8], activation: 'erf', c: '1/L' },
        flow: { steps: 100, dt: 0.1, method: 'rk4' },
      },
    ],
    [
      'relu, Heun',
      { model: { depth: 2, d: 3, width: 24, activation: 'relu' }, flow: { steps: 100, dt: 0.02, method: 'heun' } },
    ],
    ['tanh, no skip', { model: { depth: 3, d: 4, width: 50, alpha: 0, c: 3 }, flow: { steps: 100, dt: 0.01 } }],
  ])('%s: every array to 1e-10', (_, config) => {
    const folder = mkdtempSync(join(tmpdir(), 'gowide-numpy-'));
    const path = (name: string): string => join(folder, name);
    const run = (...args: string[]): string => {
      const { status, stdout, stderr } = spawnSync(python!, [join(import.meta.dirname, 'simulate_numpy.py'), ...args], {
        encoding: 'utf8',
        timeout: 60_000,
        killSignal: 'SIGKILL',
      });
      expect(stderr).toBe('');
      expect(status).toBe(0);
      return stdout;
    };
    writeFileSync(path('config.json'), JSON.stringify(config));
    run('make', path('config.json'), path('init.safetensors'));
    run('run', path('config.json'), path('init.safetensors'), path('numpy.safetensors'));
    const { arrays } = simulate(config, readSafetensors(path('init.safetensors')).tensors);
    writeSafetensors(path('own.safetensors'), arrays);
    const worst = JSON.parse(run('compare', path('numpy.safetensors'), path('own.safetensors'))) as Record<
      string,
      number
    >;
    expect(Object.keys(worst).length).toBeGreaterThan(8);
    for (const [name, value] of Object.entries(worst)) expect([name, value < 1e-10]).toEqual([name, true]);
  });
});
