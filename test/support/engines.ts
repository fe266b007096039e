/** The engines that this machine has; tests of the others are skipped, and say why. */
import { namesOf } from '../../src/core/registry.js';
import { ENGINES, startEngine, type EngineName } from '../../src/engine/engines/choose.js';
import { tf } from '../../src/engine/tensor.js';

export interface EngineUnderTest {
  readonly name: EngineName;
  /** Why it cannot be tested here, or undefined. */
  readonly missing: string | undefined;
}

async function tryEngine(name: EngineName): Promise<EngineUnderTest> {
  const readiness = ENGINES[name].readiness();
  if (readiness.state !== 'ready' && !(name === 'webgpu' && process.env.VK_ICD_FILENAMES)) {
    const hint = name === 'webgpu' ? ', and no software one is named: run npm test' : '';
    return { name, missing: readiness.reason + hint };
  }
  try {
    await startEngine(name, 'test');
    return { name, missing: undefined };
  } catch (error) {
    // an engine that is set up has to start; whether there is a driver for WebGPU only starting it says
    if (name !== 'webgpu') throw error;
    return { name, missing: (error as Error).message };
  }
}

/** Starts all engines once per test file. */
export async function enginesUnderTest(): Promise<EngineUnderTest[]> {
  const all: EngineUnderTest[] = [];
  for (const name of namesOf(ENGINES)) all.push(await tryEngine(name));
  for (const { name, missing } of all) if (missing !== undefined) console.warn(`skipped engine ${name}: ${missing}`);
  return all;
}

/** The fastest engine that is here, made current. */
export async function anyEngine(): Promise<EngineName> {
  const name = ENGINES.tensorflow.readiness().state === 'ready' ? 'tensorflow' : 'wasm';
  await startEngine(name, 'test');
  await tf.ready();
  return name;
}
