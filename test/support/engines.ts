/** The engines that this machine has; tests of the others are skipped, and say why. */
import { tensorflowReadiness } from '../../src/engine/backends/tensorflow.js';
import { ENGINES, startEngine, type EngineName } from '../../src/engine/backends/choose.js';
import { tf } from '../../src/engine/tensor.js';
import { mayHaveGpu } from '../../src/engine/backends/webgpu.js';

export interface EngineUnderTest {
  readonly name: EngineName;
  /** Why it cannot be tested here, or undefined. */
  readonly missing: string | undefined;
}

async function tryEngine(name: EngineName): Promise<EngineUnderTest> {
  const readiness = tensorflowReadiness();
  if (name === 'tensorflow' && readiness.state !== 'ready') return { name, missing: readiness.reason };
  if (name === 'webgpu' && !mayHaveGpu() && !process.env.VK_ICD_FILENAMES)
    return { name, missing: 'no GPU here, and no software one named: run npm test' };
  try {
    await startEngine(name, 'test');
    return { name, missing: undefined };
  } catch (error) {
    return { name, missing: (error as Error).message };
  }
}

/** Starts all engines once per test file. */
export async function enginesUnderTest(): Promise<EngineUnderTest[]> {
  const all: EngineUnderTest[] = [];
  for (const name of ENGINES) all.push(await tryEngine(name));
  for (const { name, missing } of all) if (missing !== undefined) console.warn(`skipped engine ${name}: ${missing}`);
  return all;
}

/** The fastest engine that is here, made current. */
export async function anyEngine(): Promise<EngineName> {
  const name = tensorflowReadiness().state === 'ready' ? 'tensorflow' : 'wasm';
  await startEngine(name, 'test');
  await tf.ready();
  return name;
}
