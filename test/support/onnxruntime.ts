/** onnxruntime in WebAssembly, on one thread: an implementation of ONNX that is not ours. */
import type { HostArray } from '../../src/core/host-array.js';

/** What is used of onnxruntime-web, a development dependency. */
interface Runtime {
  readonly env: { readonly wasm: { numThreads: number }; logLevel: string };
  readonly Tensor: new (type: string, values: unknown, shape: readonly number[]) => RuntimeTensor;
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> };
}

interface RuntimeTensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(inputs: Readonly<Record<string, RuntimeTensor>>): Promise<Readonly<Record<string, RuntimeTensor>>>;
  release(): Promise<void>;
}

const PACKAGE = 'onnxruntime-web';
const runtime = await import(PACKAGE).then(
  (found) => found as Runtime,
  () => undefined,
);

/** Why ONNX files cannot be run here; undefined where they can. */
export const missingRuntime = runtime === undefined ? `${PACKAGE} is not installed: npm ci` : undefined;

/** Inputs by name: floats, or whole numbers, which become int64. */
export type OnnxInputs = Readonly<Record<string, { shape: readonly number[]; values: Float32Array | Int32Array }>>;

/** A file's outputs by name, for each of the inputs. */
export async function runOnnx(model: Uint8Array, all: readonly OnnxInputs[]): Promise<Record<string, HostArray>[]> {
  if (runtime === undefined) throw new Error(missingRuntime);
  runtime.env.wasm.numThreads = 1;
  runtime.env.logLevel = 'error';
  const session = await runtime.InferenceSession.create(model, { executionProviders: ['wasm'] });
  const found: Record<string, HostArray>[] = [];
  for (const inputs of all) {
    const tensors = Object.entries(inputs).map(([name, { shape, values }]): [string, RuntimeTensor] => [
      name,
      values instanceof Int32Array
        ? new runtime.Tensor('int64', BigInt64Array.from(values, BigInt), shape)
        : new runtime.Tensor('float32', values, shape),
    ]);
    const outputs = await session.run(Object.fromEntries(tensors));
    found.push(
      Object.fromEntries(
        Object.entries(outputs).map(([name, { data, dims }]) => [name, { shape: dims, values: data }]),
      ),
    );
  }
  await session.release();
  return found;
}
