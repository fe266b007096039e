/** The WebAssembly kernel in Node, which any machine can run. Further threads are workers on its memory. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { FailureError } from '../../src/core/errors.js';
import type { Kernel } from './interface.js';
import {
  BUSY,
  CHUNKS_AT,
  CONTROL,
  JOB_AT,
  NEXT,
  READY,
  ROUND,
  SPINS,
  type WebAssembly as Platform,
} from './machine.js';
import { webAssemblyKernel } from './webassembly.js';

declare const WebAssembly: typeof Platform;

/**
 * A further thread: waits for the next round, takes chunks until none is left. `unref`, so that it never keeps a
 * process alive.
 */
const WORKER = `
const { workerData: { module, memory, control, job, thread } } = require('node:worker_threads');
const { run } = new WebAssembly.Instance(module, { env: { memory } }).exports;
const words = new Int32Array(memory.buffer, control, 8);
const chunks = new Int32Array(memory.buffer, job, 8);
let seen = 0;
Atomics.add(words, ${READY}, 1); Atomics.notify(words, ${READY});
for (;;) {
  for (let tries = 0; tries < ${SPINS} && Atomics.load(words, ${ROUND}) === seen; tries++);
  Atomics.wait(words, ${ROUND}, seen);
  seen = Atomics.load(words, ${ROUND});
  for (let chunk; (chunk = Atomics.add(words, ${NEXT}, 1)) < chunks[${CHUNKS_AT}];) run(job, chunk, thread);
  Atomics.sub(words, ${BUSY}, 1); Atomics.notify(words, ${BUSY});
}`;

function moduleBytes(): Buffer {
  const path = join(import.meta.dirname, 'kernel.wasm');
  if (!existsSync(path)) throw new FailureError(`${path} is missing; npm run build makes it`);
  return readFileSync(path);
}

let compiled: Platform.Module | undefined;

/** Opens the WebAssembly kernel on `threads` threads. Throws FailureError when its module is missing. */
export function openWasm(threads: number): Kernel {
  compiled ??= new WebAssembly.Module(moduleBytes());
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65_536, shared: true });
  const start = (): void => {
    for (let thread = 1; thread < threads; thread++) {
      new Worker(WORKER, {
        eval: true,
        workerData: { module: compiled, memory, control: CONTROL, job: JOB_AT, thread },
      }).unref();
    }
    const words = new Int32Array(memory.buffer, CONTROL, 8);
    for (let ready; (ready = Atomics.load(words, READY)) < threads - 1;) Atomics.wait(words, READY, ready, 100);
  };
  return webAssemblyKernel(compiled, memory, { count: threads - 1, start });
}
