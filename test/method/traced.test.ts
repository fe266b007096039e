/**
 * Compiled steps against steps that run op by op: for every kind of network and of arm the same logged rows and the
 * same weights, to the last bit. Without oneDNN, whose kernels TensorFlow takes in a graph where it has others for
 * single ops.
 */
import { afterEach, describe, expect, test as anywhere, vi } from 'vitest';
import { ENGINES, startEngine } from '../../src/engine/engines/choose.js';
import { programsHere } from '../../src/engine/ops/fused.js';
import { canTrace } from '../../src/engine/trace/trace.js';
import { tensorflowBackend } from '../../src/engine/trace/recorder.js';
import { ARMS, bytes, cellOf, FAMILIES, newFolder, run } from './arms.js';

process.env.TF_ENABLE_ONEDNN_OPTS = '0';
process.env.TF_NUM_INTRAOP_THREADS = '1';
const { state } = ENGINES.tensorflow.readiness();
if (state === 'ready') await startEngine('tensorflow', 'test');
const missing = state === 'ready' && canTrace() ? undefined : 'the addon that compiles steps is not here';
if (missing !== undefined) console.warn(`compiled training is not tested: ${missing}`);

process.env.GOWIDE_CACHE = newFolder(); // prepared texts

afterEach(() => vi.unstubAllEnvs());

/**
 * The functions and programs that are defined in a call, how many of them are left after it, and how many steps they
 * are: a function's own programs are part of its step.
 */
async function functions<T>(
  act: () => Promise<T>,
): Promise<{ result: T; defined: number; left: number; steps: number }> {
  const backend = tensorflowBackend();
  const { binding } = backend;
  let [defined, removed, parts] = [0, 0, 0];
  const counted: Partial<typeof binding> = {
    defineFunction: (name, nodes, ...given) => {
      defined++;
      parts += (nodes as { op: string }[]).filter(({ op }) => op === 'GowideProgram').length;
      binding.defineFunction!(name, nodes, ...given);
    },
    removeFunction: (name) => {
      removed++;
      binding.removeFunction!(name);
    },
  };
  const properties = Object.fromEntries(Object.entries(counted).map(([name, value]) => [name, { value }]));
  backend.binding = Object.create(binding, properties) as typeof binding;
  const programs = programsHere();
  const spies = programs && [vi.spyOn(programs, 'defineProgram'), vi.spyOn(programs, 'removeProgram')];
  try {
    const result = await act();
    const [made, gone] = spies?.map(({ mock }) => mock.calls.length) ?? [0, 0];
    const all = defined + made!;
    return { result, defined: all, left: all - removed - gone!, steps: all - parts };
  } finally {
    backend.binding = binding;
    spies?.forEach((spy) => spy.mockRestore());
  }
}

describe('compiled training', () => {
  const test = anywhere.skipIf(missing !== undefined);

  test.each(Object.keys({ ...ARMS, ...FAMILIES }))('%s: the bits of steps that run op by op', async (name) => {
    const traced = await functions(() => run(cellOf(name), newFolder()));
    expect(traced.defined).toBeGreaterThan(0);
    expect(traced.left).toBe(0);
    const expected = bytes(traced.result.folder);
    vi.stubEnv('TF_NUM_INTRAOP_THREADS', undefined); // TensorFlow's own executor, which rewrites graphs, too
    expect(bytes((await run(cellOf(name), newFolder())).folder)).toEqual(expected);
    vi.stubEnv('GOWIDE_TRACE', '0');
    const eager = await functions(() => run(cellOf(name), newFolder()));
    expect(eager.defined).toBe(0);
    expect(bytes(eager.result.folder)).toEqual(expected);
  });

  test('a stage is compiled once, and a run that is stopped leaves no function', async () => {
    const name = 'resnet, direct';
    expect((await functions(() => run(cellOf(name), newFolder()))).steps).toBe(2); // of training, and of evaluation
    const stop = new AbortController();
    const progress = (): void => stop.abort();
    const stopped = run(cellOf(name), newFolder(), { signal: stop.signal, progress });
    const { result, steps, left } = await functions(() => stopped.then(() => 'ended', String));
    expect([result, left]).toEqual([expect.stringMatching(/stopped/), 0]);
    expect(steps).toBeLessThanOrEqual(1);
  });
});
