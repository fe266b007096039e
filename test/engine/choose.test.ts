/** Which engine `auto` opens, and what several processes are set up with: by what engines say of themselves. */
import { describe, expect, test } from 'vitest';
import { FailureError, InterruptedError } from '../../src/core/errors.js';
import { ENGINES, startFastest, type EngineName } from '../../src/engine/engines/choose.js';
import type { EngineDefinition, Readiness, Started } from '../../src/engine/engines/engine.js';
import { devicesOf, expectedEngine, prepareEngine } from '../../src/engine/engines/prepare.js';
import type { InstallOptions } from '../../src/engine/install/install.js';
import type { Device } from '../../src/toolchain/nvidia.js';

const ready = (gpu = false): Readiness => ({ state: 'ready', gpu });
const IMPOSSIBLE: Readiness = { state: 'impossible', reason: 'no compiler' };
const INSTALLABLE: Readiness = { state: 'installable', reason: 'not installed' };
const GPU = { index: 0 } as unknown as Device;

interface Machine {
  readonly tensorflow: Readiness;
  readonly webgpu: Readiness;
  /** What the start of an engine gives instead of an engine that runs. */
  readonly starts?: Partial<Record<EngineName, Error | Partial<Started>>>;
  /** Why TensorFlow cannot be installed. */
  readonly obstacle?: Error;
  /** Why one of its addons cannot be built. */
  readonly missing?: string;
}

/** The engines' own facts, on a machine that is made up. Every install is noted. */
function machine({ tensorflow, webgpu, starts = {}, obstacle, missing }: Machine): {
  readonly engines: Record<EngineName, EngineDefinition>;
  readonly installs: string[];
} {
  const installs: string[] = [];
  const start = (name: EngineName) => async (): Promise<Started> => {
    const given = starts[name];
    if (given instanceof Error) throw given;
    return { version: '1', device: 'one', ...given };
  };
  const install = async (options: InstallOptions): Promise<void> => {
    if (obstacle !== undefined) throw obstacle;
    if (missing !== undefined) options.missing?.(missing);
    installs.push('tensorflow');
  };
  const engines = {
    ...ENGINES,
    tensorflow: {
      ...{ ...ENGINES.tensorflow, readiness: () => tensorflow, start: start('tensorflow') },
      ...{ install, devices: () => [GPU] },
    },
    webgpu: { ...ENGINES.webgpu, readiness: () => webgpu, start: start('webgpu') },
    wasm: { ...ENGINES.wasm, start: start('wasm') },
  };
  return { engines, installs };
}

/** What is opened with `auto`, why, and what the user is told. */
async function opened(given: Machine, mayInstall = false): Promise<readonly [EngineName, string, ...string[]]> {
  const lines: string[] = [];
  const { name, why } = await startFastest(machine(given).engines, mayInstall ? {} : undefined, (line) =>
    lines.push(line),
  );
  return [name, why, ...lines];
}

const [FASTEST, NOTHING] = ['the fastest that works here', 'it needs nothing but npm'];
const BROKEN = new FailureError('it is broken');

describe('auto opens', () => {
  test.each<[string, Machine, boolean, readonly string[]]>([
    ['TensorFlow on a GPU', { tensorflow: ready(true), webgpu: ready(true) }, false, ['tensorflow', FASTEST]],
    [
      'WebGPU before TensorFlow on the CPU',
      { tensorflow: ready(), webgpu: ready(true) },
      false,
      ['webgpu', 'a GPU is here, and TensorFlow for it is not installed'],
    ],
    [
      'TensorFlow where the GPU is one in name only',
      { tensorflow: ready(), webgpu: ready(true), starts: { webgpu: { software: true } } },
      false,
      ['tensorflow', FASTEST],
    ],
    [
      'TensorFlow where WebGPU fails, and says so',
      { tensorflow: ready(), webgpu: ready(true), starts: { webgpu: BROKEN } },
      false,
      ['tensorflow', FASTEST, 'the GPU is not used: it is broken'],
    ],
    [
      'TensorFlow where it may be installed',
      { tensorflow: INSTALLABLE, webgpu: IMPOSSIBLE },
      true,
      ['tensorflow', FASTEST],
    ],
    [
      'WebAssembly where nothing may be installed',
      { tensorflow: INSTALLABLE, webgpu: IMPOSSIBLE },
      false,
      ['wasm', NOTHING, 'the faster engine, tensorflow, is missing: not installed'],
    ],
    [
      'WebAssembly where TensorFlow does not start',
      { tensorflow: ready(), webgpu: IMPOSSIBLE, starts: { tensorflow: BROKEN } },
      false,
      ['wasm', NOTHING, 'the faster engine is missing: it is broken'],
    ],
  ])('%s', async (_, given, mayInstall, expected) => {
    expect(await opened(given, mayInstall)).toEqual(expected);
  });

  test('nothing where the last one does not work, with its reason', async () => {
    const starts = { wasm: new FailureError('run: npm i') };
    await expect(opened({ tensorflow: IMPOSSIBLE, webgpu: IMPOSSIBLE, starts })).rejects.toThrow('run: npm i');
  });

  test('nothing after an interrupt', async () => {
    const starts = { tensorflow: new InterruptedError('stopped') };
    await expect(opened({ tensorflow: ready(), webgpu: IMPOSSIBLE, starts })).rejects.toThrow('stopped');
  });
});

/** What workers are told to open, how many installs were made, and what the user is told. */
async function prepared(name: EngineName | 'auto', given: Machine): Promise<readonly unknown[]> {
  const lines: string[] = [];
  const { engines, installs } = machine(given);
  const choice = await prepareEngine(name, {
    notice: (line) => lines.push(line),
    report: () => {},
    onInstalled: () => {},
    engines,
    probe: async () => {},
  });
  return [choice.name, installs.length, ...lines];
}

describe('several processes', () => {
  test.each<[string, EngineName | 'auto', Machine, readonly unknown[]]>([
    ['choose themselves where all is there', 'auto', { tensorflow: ready(), webgpu: IMPOSSIBLE }, ['auto', 0]],
    ['have an install made before', 'auto', { tensorflow: INSTALLABLE, webgpu: IMPOSSIBLE }, ['auto', 1]],
    [
      'are told which addon is missing',
      'auto',
      { tensorflow: INSTALLABLE, webgpu: IMPOSSIBLE, missing: 'no such register' },
      ['auto', 1, 'An addon is missing: no such register'],
    ],
    [
      'have one made that was asked for',
      'tensorflow',
      { tensorflow: INSTALLABLE, webgpu: IMPOSSIBLE },
      ['tensorflow', 1],
    ],
    [
      'take WebAssembly where nothing else is left',
      'auto',
      { tensorflow: IMPOSSIBLE, webgpu: IMPOSSIBLE },
      ['wasm', 0, 'The faster engine, tensorflow, is missing: no compiler'],
    ],
    [
      'choose themselves where a GPU is left',
      'auto',
      { tensorflow: IMPOSSIBLE, webgpu: ready(true) },
      ['auto', 0, 'The faster engine, tensorflow, is missing: no compiler'],
    ],
    [
      'take WebAssembly where an install fails',
      'auto',
      { tensorflow: INSTALLABLE, webgpu: IMPOSSIBLE, obstacle: BROKEN },
      ['wasm', 0, 'The faster engine is missing: it is broken'],
    ],
    [
      'are told of a faster engine that is there',
      'wasm',
      { tensorflow: ready(), webgpu: IMPOSSIBLE },
      ['wasm', 0, 'The faster engine, tensorflow, is installed but not used: wasm was asked for'],
    ],
    ['are told nothing with WebGPU', 'webgpu', { tensorflow: INSTALLABLE, webgpu: ready(true) }, ['webgpu', 0]],
  ])('%s', async (_, name, given, expected) => {
    expect(await prepared(name, given)).toEqual(expected);
  });

  test('do not start where what was asked for cannot be installed, or after an interrupt', async () => {
    const none = { tensorflow: INSTALLABLE, webgpu: IMPOSSIBLE };
    await expect(prepared('tensorflow', { ...none, obstacle: BROKEN })).rejects.toThrow('it is broken');
    await expect(prepared('auto', { ...none, obstacle: new InterruptedError('stopped') })).rejects.toThrow('stopped');
  });

  test('divide the GPUs of the engine that they will open', () => {
    const { engines } = machine({ tensorflow: ready(true), webgpu: ready(true) });
    const of = (name: EngineName | 'auto'): Device[] => devicesOf({ name, why: '' }, engines);
    expect([of('auto'), of('tensorflow'), of('webgpu'), of('wasm')]).toEqual([[GPU], [GPU], [], []]);
    const { engines: without } = machine({ tensorflow: ready(), webgpu: ready(true) });
    expect(devicesOf({ name: 'auto', why: '' }, without)).toEqual([]);
  });

  test.each<[EngineName | 'auto', Machine, EngineName]>([
    ['wasm', { tensorflow: ready(), webgpu: IMPOSSIBLE }, 'wasm'],
    ['auto', { tensorflow: INSTALLABLE, webgpu: IMPOSSIBLE }, 'tensorflow'],
    ['auto', { tensorflow: IMPOSSIBLE, webgpu: IMPOSSIBLE }, 'wasm'],
  ])('%s is expected to be opened as %s', (name, given, expected) => {
    expect(expectedEngine(name, machine(given).engines)).toBe(expected);
  });
});
