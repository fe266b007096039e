/** What needs more memory than there is is refused before any of it is allocated, in one line with both numbers. */
import { totalmem } from 'node:os';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { limit, residual, saddle, tanhSaddle, width } from '../../experiments/theory.js';
import { UsageError } from '../../src/core/errors.js';
import { armSpecs, type Experiment } from '../../src/core/experiment.js';
import { checkMemory, memoryLimit } from '../../src/core/memory.js';
import type { RunContext } from '../../src/core/run.js';
import { declaredLimit } from '../../theory/limit/declared.js';
import { parseSimulation, simulationBytes } from '../../theory/simulate/declaration.js';
import { checkSimulation, simulate } from '../../theory/simulate/simulate.js';
import { THEORY_RUNNER } from '../../theory/studies/index.js';

const MEGABYTE = 1e6;
const MODEL = { depth: 2, d: 4, width: 4096 };
const FLOW = { steps: 1, dt: 0.1 };
const DATA = { train: 4, heldOut: 4 };

/** A container that is limited to so many bytes. */
const limited = (bytes: number) => vi.spyOn(process, 'constrainedMemory').mockReturnValue(bytes);

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the memory that there is', () => {
  test.each([
    ['of a machine without a limit', 0, totalmem()],
    ['of a machine whose limit is no number of bytes', 2 ** 64, totalmem()],
    ['of a container', MEGABYTE, MEGABYTE],
  ])('%s', (_, bytes, expected) => {
    limited(bytes);
    expect(memoryLimit()).toBe(expected);
  });

  test('is said beside what is needed', () => {
    expect(() => checkMemory('nets', 2e9, 2e9)).not.toThrow();
    expect(() => checkMemory('nets', 34.56e9, 25.3e9)).toThrow(UsageError);
    expect(() => checkMemory('nets', 34.56e9, 25.3e9)).toThrow(
      /^nets need at least 34\.6 GB of memory, and there are 25\.3 GB; give smaller numbers$/,
    );
  });
});

describe('a simulation', () => {
  const bytes = (change: object): number => simulationBytes(parseSimulation({ model: MODEL, flow: FLOW, ...change }));
  /** Of one net's particles: depth x width x (2 d + 1) numbers of 8 bytes. */
  const net = 2 * 4096 * 9 * 8;
  const rest = (train: number, heldOut: number): number => 8 * ((train + heldOut) * 8 + train * 8);

  test.each<[string, object, number]>([
    ['Euler, in place', {}, 2],
    ['Heun, with two velocities and a net', { flow: { ...FLOW, method: 'heun' } }, 5],
    ['Runge-Kutta, with four velocities and a net', { flow: { ...FLOW, method: 'rk4' } }, 7],
    ['momenta and a velocity', { flow: { ...FLOW, kind: 'momentum', friction: 1 } }, 4],
    ['noise and a velocity', { flow: { ...FLOW, kind: 'langevin', temperature: 1 } }, 4],
    ['a second net at dt/2', { halving: true }, 3],
    ['a thin net of a quarter', { thin: { m: 1024 } }, 2.25],
  ])('%s', (_, change, nets) => {
    expect(bytes({ ...change, data: { train: 10, heldOut: 20 } })).toBe(nets * net + rest(10, 20));
  });

  test('that the memory cannot hold is refused, and its declaration is not', () => {
    const config = { model: { ...MODEL, width: 2 ** 24 }, flow: FLOW, data: DATA };
    limited(100 * MEGABYTE);
    expect(() => simulate(config)).toThrow(
      /^config: particles and samples need at least 4\.83 GB of memory, and there are 0\.1 GB; give smaller numbers$/,
    );
    expect(() => checkSimulation(config)).not.toThrow();
    expect(() => simulate({ ...config, model: MODEL })).not.toThrow();
    // the samples are drawn for the check, too
    const samples = { model: MODEL, flow: FLOW, data: { train: 1e9, heldOut: 1 } };
    for (const ask of [simulate, checkSimulation]) expect(() => ask(samples)).toThrow(/^config: particles and samples/);
  });
});

describe('a limit', () => {
  const config = { model: MODEL, flow: FLOW, data: DATA };

  test('whose first nets the memory cannot hold is refused', async () => {
    // the net as it is drawn, and five systems (it and four directions) with a velocity each: 11 x 2 x 256 x 9 numbers
    limited(405_000);
    await expect(declaredLimit(config)).rejects.toThrow(
      /^limit: nets of 256 particles need at least 0\.000406 GB of memory, and there are 0\.000405 GB; give smaller/,
    );
  });

  test('that needs larger nets than the memory holds says so', async () => {
    limited(5 * MEGABYTE);
    const asked = { target: 1e-4, particles: { most: 2 ** 20 }, nets: 8 };
    await expect(declaredLimit(config, {}, asked)).rejects.toThrow(
      /no convergence: with 8 nets of 2048 particles .*; nets of more than 2048 particles do not fit into the memory$/,
    );
  });
});

test('a study whose nets the memory cannot hold is refused', async () => {
  limited(1000);
  const run = (study: string, spec: object): Promise<unknown> =>
    THEORY_RUNNER.execute({ cell: { spec: { study, ...spec }, seed: 1 } } as unknown as RunContext);
  const first = (experiment: Experiment): object => Object.values(armSpecs(experiment, 'minutes'))[0]!;
  for (const experiment of [width, residual, limit, saddle, tanhSaddle])
    await expect(run(experiment.name, first(experiment)), experiment.name).rejects.toThrow(
      /: particles and samples need at least/,
    );
});
