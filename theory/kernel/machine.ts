/**
 * The WebAssembly module of the kernel (assembly/kernel.ts) at work: its memory as one arena, and jobs whose chunks are
 * taken by any number of threads.
 */
import { FailureError } from '../../src/core/errors.js';

/** The part of the platform's global that is used; Node's type packages leave it to the browser's. */
// oxlint-disable-next-line typescript/no-namespace -- the shape of a global
export declare namespace WebAssembly {
  class Memory {
    constructor(limits: { initial: number; maximum: number; shared?: boolean });
    readonly buffer: SharedArrayBuffer | ArrayBuffer;
    grow(pages: number): number;
  }
  class Module {
    constructor(bytes: Uint8Array);
  }
  // oxlint-disable-next-line no-unused-vars -- used as WebAssembly.Instance
  class Instance {
    constructor(module: Module, imports: { env: { memory: Memory } });
    readonly exports: unknown;
  }
}

interface Exports {
  run(job: number, chunk: number, thread: number): void;
}

/** Fields of a job, 32 bits each: see `run` in assembly/kernel.ts. */
const JOB = [
  'pass',
  'activation',
  'd',
  'S',
  'm',
  'chunks',
  'a',
  'b',
  'bias',
  'z',
  'p',
  'sheets',
  'ga',
  'gb',
  'gbias',
  'scratch',
  'kept',
  'directions',
  'da',
  'db',
  'dbias',
  'dz',
  'dp',
  'gda',
  'gdb',
  'gdbias',
] as const;
type Field = (typeof JOB)[number];
/** What only tangents read. */
type TangentField = 'directions' | 'da' | 'db' | 'dbias' | 'dz' | 'dp' | 'gda' | 'gdb' | 'gdbias';

/** Counts and addresses: of a pass (0 forward, 1 backward), or of one with its tangents (2, 3). */
export type Job =
  | Readonly<Record<Exclude<Field, TangentField | 'pass'>, number> & { pass: 0 | 1 }>
  | Readonly<Record<Exclude<Field, 'kept' | 'pass'>, number> & { pass: 2 | 3 }>;

/** Which word of a job says how many chunks it has. */
export const CHUNKS_AT = JOB.indexOf('chunks');

/**
 * Addresses in the first page: the threads' meeting point, then the job. The rest, from the second page, is one arena.
 */
export const CONTROL = 32_768;
/** Address of the job, behind the threads’ meeting point at {@link CONTROL}. */
export const JOB_AT = CONTROL + 64;
const ARENA = 65_536;
/** Positions in the control block, in 32-bit words from {@link CONTROL}. */
export const [ROUND, NEXT, BUSY, READY] = [0, 1, 2, 3] as const;

/**
 * How often a thread looks at the meeting point before it sleeps, some 20 microseconds: layers of few particles meet
 * more often than the system wakes a thread.
 */
export const SPINS = 5000;

/** Further threads, which wait for the next round at the meeting point and take chunks until none is left. */
export interface Helpers {
  readonly count: number;
  /** Starts them, and returns when they wait. */
  readonly start: () => void;
}

/** A module on a memory. */
export class Machine {
  private readonly exports: Exports;
  private started = false;
  private top = ARENA;

  constructor(
    module: WebAssembly.Module,
    private readonly memory: WebAssembly.Memory,
    private readonly helpers: Helpers | undefined,
  ) {
    this.exports = new WebAssembly.Instance(module, { env: { memory } }).exports as Exports;
  }

  get threads(): number {
    return 1 + (this.helpers?.count ?? 0);
  }

  /** Frees the arena. */
  reset(): void {
    this.top = ARENA;
  }

  /** Address of `n` new float64 numbers. Throws FailureError when the module's 4 GiB are used up. */
  allocate(n: number): number {
    const address = this.find(n);
    if (address !== undefined) return address;
    const needed = this.top + 8 * n;
    throw new FailureError(
      `the WebAssembly kernel needs ${(needed / 2 ** 30).toFixed(1)} GiB of memory, which it cannot get ` +
        '(its limit is 4); fewer particles or samples, or the native kernel',
    );
  }

  /** Address of `n` new float64 numbers; undefined where there is no memory for them. */
  find(n: number): number | undefined {
    const address = this.top;
    const top = address + Math.ceil((n * 8) / 16) * 16;
    const missing = Math.ceil((top - this.memory.buffer.byteLength) / 65_536);
    try {
      if (missing > 0) this.memory.grow(missing);
    } catch {
      return undefined;
    }
    this.top = top;
    return address;
  }

  view(address: number, n: number): Float64Array {
    return new Float64Array(this.memory.buffer, address, n);
  }

  run(job: Job): void {
    const words = new Int32Array(this.memory.buffer, CONTROL, 8);
    new Int32Array(this.memory.buffer, JOB_AT, JOB.length).set(
      JOB.map((name) => (job as Partial<Record<Field, number>>)[name] ?? 0),
    );
    if (this.threads === 1 || job.chunks === 1) {
      for (let chunk = 0; chunk < job.chunks; chunk++) this.exports.run(JOB_AT, chunk, 0);
      return;
    }
    if (!this.started) this.helpers!.start();
    this.started = true;
    Atomics.store(words, NEXT, 0);
    Atomics.store(words, BUSY, this.threads - 1);
    Atomics.add(words, ROUND, 1);
    Atomics.notify(words, ROUND);
    for (let chunk; (chunk = Atomics.add(words, NEXT, 1)) < job.chunks;) this.exports.run(JOB_AT, chunk, 0);
    for (let busy, tries = 0; (busy = Atomics.load(words, BUSY)) > 0; tries++)
      if (tries >= SPINS) Atomics.wait(words, BUSY, busy, 100);
  }
}

/** Samples as columns: [d, S] with S a multiple of 4, zeros behind the N samples. */
export function toColumns(rows: Float64Array, d: number, S: number, columns: Float64Array): void {
  const n = rows.length / d;
  columns.fill(0);
  for (let s = 0; s < n; s++) for (let k = 0; k < d; k++) columns[k * S + s] = rows[s * d + k]!;
}

/** The inverse of {@link toColumns}. */
export function toRows(columns: Float64Array, d: number, S: number, rows: Float64Array): void {
  const n = rows.length / d;
  for (let s = 0; s < n; s++) for (let k = 0; k < d; k++) rows[s * d + k] = columns[k * S + s]!;
}

/** Adds the chunks' sums, one behind the other in `chunks`, in their order: to = alpha from + scale sum. */
export function reduceChunks(
  chunks: Float64Array,
  from: Float64Array,
  to: Float64Array,
  alpha: number,
  scale: number,
): void {
  for (let j = 0; j < to.length; j++) {
    let sum = chunks[j]!;
    for (let k = j + to.length; k < chunks.length; k += to.length) sum += chunks[k]!;
    to[j] = alpha * from[j]! + scale * sum;
  }
}
