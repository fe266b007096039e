/** The worker pool of one machine: how many processes run cells, on which device, with how much memory. */
import { availableParallelism, freemem } from 'node:os';
import { runnerOf, type Runner } from '../core/experiment.js';
import type { Cell } from '../core/run.js';
import { numberSetting } from '../core/settings.js';
import type { EngineChoice } from '../engine/engines/choose.js';
import { SMALL_STEP_FLOPS, UNDIVIDED_STEP_FLOPS } from '../engine/engines/engine.js';
import type { Device } from '../toolchain/nvidia.js';
import { Child, type ChildHooks, type ChildOptions } from './child.js';

/** What cells that compute with tensors run on. */
export interface TensorSetup {
  readonly engine: EngineChoice;
  /** GPUs that tensor engines may use; where it is empty, all processes share the CPU. */
  readonly devices: readonly Device[];
}

/** What a worker pool is made for. */
export interface WorkerPoolOptions {
  readonly out: string;
  /** Settled when the tensor engine is set up; cells that need none do not wait for it. */
  readonly tensors: Promise<TensorSetup>;
  /** Cells at work at once. */
  readonly jobs: number;
  /** Threads that the user gives each cell; by default a small one has one thread, and a large one every core. */
  readonly threads?: number | undefined;
  /** The command that the user typed, for the records of runs. */
  readonly command: string;
  readonly runners: Readonly<Record<string, Runner>>;
  readonly worker: ChildOptions['worker'];
}

/** What the driver and its libraries take of a GPU's memory for each process on it, in bytes. */
const DRIVER_BYTES = 2 ** 30;

/** Memory that a process is expected to take until one of its experiment and arm has been seen, in bytes. */
const FIRST_GUESS = 2 ** 30;

/** What an idle process has opened: nothing, or an engine with the threads of small cells, or of the smallest. */
type Kind = 'no engine' | 'small' | 'smallest';

interface Idle {
  readonly child: Child;
  readonly kind: Kind;
}

/** What a process at work takes up. */
interface Load {
  /** How many of the `jobs` it counts as. */
  readonly slots: number;
  /** Its GPU, if it has one. */
  readonly device: Device | undefined;
  /** Memory of the GPU that its cell is expected to take. */
  readonly deviceBytes: number;
}

/** What cells are told that need no engine and start before there is one. */
const NO_ENGINE: EngineChoice = { name: 'auto', why: '' };

/** A process that once had more memory than this ends with its cell, so that the memory goes back. */
const KEPT_BYTES = 1.5 * 2 ** 30;

/**
 * Worker processes of this machine. A process is kept and takes cell after cell of its kind, since starting it, and its
 * engine, takes as long as a small cell. A large cell, and one on a GPU, has a process of its own, whose memory goes
 * back to the system when it ends.
 */
export class WorkerPool {
  private readonly idle: Idle[] = [];
  private readonly busy = new Map<Child, Load>();
  private readonly peaks = new Map<string, number>();
  private reserved = 0;
  /** The engine, once it is set up. */
  private tensors: TensorSetup | undefined;
  /** Settled when every cell may start, as far as the engine goes; rejected when it could not be set up. */
  readonly engineReady: Promise<void>;

  constructor(private readonly options: WorkerPoolOptions) {
    this.engineReady = options.tensors.then((tensors) => void (this.tensors = tensors));
    this.engineReady.catch(() => {}); // whoever waits for it hears of it
  }

  /**
   * Whether this cell may start now: the engine is set up where it needs one, and jobs, a GPU and memory are left for
   * it. A cell that would be alone may whatever memory it needs, since waiting would not help it.
   */
  mayStart(cell: Cell): boolean {
    if (this.needsEngine(cell) && this.tensors === undefined) return false;
    const taken = [...this.busy.values()].reduce((sum, { slots }) => sum + slots, 0);
    if (taken + this.slotsOf(cell) > this.options.jobs) return false;
    if (this.needsEngine(cell) && this.devices.length > 0 && this.deviceFor(cell) === undefined) return false;
    return this.busy.size === 0 || this.memoryOf(cell) < availableMemory() - this.reserved;
  }

  /** Runs a cell in a process of the pool. Throws what {@link Child.run} throws. */
  async run(cell: Cell, hooks: ChildHooks): Promise<void> {
    if (this.tensors === undefined && this.needsEngine(cell)) await this.engineReady;
    const { out, command } = this.options;
    const engine = this.tensors?.engine ?? NO_ENGINE;
    const device = this.needsEngine(cell) ? this.deviceFor(cell) : undefined;
    const deviceBytes = device === undefined ? 0 : this.deviceMemoryOf(cell);
    const kept = this.takeIdle(this.kindOf(cell));
    const child = kept ?? new Child({ worker: this.options.worker, env: this.environmentOf(cell, device) });
    this.busy.set(child, { slots: this.slotsOf(cell), device, deviceBytes });
    // a process that has just begun does not have its memory yet
    const reserved = kept === undefined ? this.memoryOf(cell) : 0;
    this.reserved += reserved;
    let starting = reserved > 0;
    const begun = (): void => {
      if (starting) this.reserved -= reserved;
      starting = false;
    };
    const timer = setTimeout(begun, 5000);
    try {
      await child.run({ cell, out, engine, command }, hooks);
      this.peaks.set(keyOf(cell), Math.max(child.peakBytes, this.peaks.get(keyOf(cell)) ?? 0));
      const kind = this.kindOf(cell);
      if (kind === undefined || child.peakBytes > KEPT_BYTES) child.close();
      else this.idle.push({ child, kind });
    } catch (error) {
      child.close();
      throw error;
    } finally {
      clearTimeout(timer);
      begun();
      this.busy.delete(child);
    }
  }

  /** Whether a process is at work. */
  get isBusy(): boolean {
    return this.busy.size > 0;
  }

  /** Asks every process at work to save and to end. */
  stop(): void {
    for (const child of this.busy.keys()) child.stop();
  }

  /** Lets the processes that are kept for further cells end. */
  close(): void {
    this.idle.splice(0).forEach(({ child }) => child.close());
  }

  private takeIdle(kind: Kind | undefined): Child | undefined {
    for (;;) {
      const at = this.idle.findIndex((one) => one.kind === kind);
      if (kind === undefined || at < 0) return undefined;
      const [{ child }] = this.idle.splice(at, 1) as [Idle];
      if (child.usable) return child;
    }
  }

  /** Which idle process may take the cell; undefined for one that needs a process of its own. */
  private kindOf(cell: Cell): Kind | undefined {
    if (!this.needsEngine(cell)) return 'no engine';
    if (this.devices.length > 0 || this.isLarge(cell)) return undefined;
    // an engine keeps the threads of its first cell, and bits must not depend on which one that was
    const differ = numberSetting('GOWIDE_OPS_THREADS') !== undefined;
    return differ && this.stepFlopsOf(cell) < UNDIVIDED_STEP_FLOPS ? 'smallest' : 'small';
  }

  private get devices(): readonly Device[] {
    return this.tensors?.devices ?? [];
  }

  private needsEngine(cell: Cell): boolean {
    return runnerOf(cell, this.options.runners).stepFlops !== undefined;
  }

  /**
   * Main memory that a cell is expected to take, in bytes: the most that a cell of its experiment, arm and scale has
   * taken so far, else what its runner expects. A cell on a GPU keeps its tensors in the memory of the GPU, which
   * `deviceFor` compares instead, so that only the first guess counts here.
   */
  private memoryOf(cell: Cell): number {
    const onDevice = this.needsEngine(cell) && this.devices.length > 0;
    const expected = onDevice ? 0 : (runnerOf(cell, this.options.runners).memoryBytes?.(cell) ?? 0);
    return this.peaks.get(keyOf(cell)) ?? Math.max(FIRST_GUESS, expected);
  }

  /**
   * The smallest free GPU on which the cell fits, else the one at work with the most memory left for it: the steps of
   * small nets leave a GPU idle most of the time, so that several cells share one. A cell that fits on none has the
   * largest to itself.
   */
  private deviceFor(cell: Cell): Device | undefined {
    const need = this.deviceMemoryOf(cell);
    const loadsOn = (device: Device): Load[] => [...this.busy.values()].filter((load) => load.device === device);
    const left = (device: Device): number =>
      loadsOn(device).reduce((bytes, { deviceBytes }) => bytes - deviceBytes, device.bytes);
    const bySize = [...this.devices].sort((a, b) => a.bytes - b.bytes);
    const free = bySize.filter((device) => loadsOn(device).length === 0);
    const shared = bySize.filter((device) => !free.includes(device)).sort((a, b) => left(b) - left(a));
    const fitting = [...free, ...shared].find((device) => left(device) >= need);
    if (fitting !== undefined) return fitting;
    return bySize.some(({ bytes }) => bytes >= need) ? undefined : free.find((device) => device === bySize.at(-1));
  }

  /** Memory of a GPU that a cell is expected to take, in bytes. */
  private deviceMemoryOf(cell: Cell): number {
    return DRIVER_BYTES + (runnerOf(cell, this.options.runners).memoryBytes?.(cell) ?? 0);
  }

  /**
   * How many of the `jobs` a cell takes up: a small cell runs on one thread, beside others; a large one gets every
   * core, since its steps are long enough to be divided among threads, unless the user says how many.
   */
  private slotsOf(cell: Cell): number {
    return this.isLarge(cell) && this.options.threads === undefined ? this.options.jobs : 1;
  }

  private isLarge(cell: Cell): boolean {
    return this.devices.length === 0 && this.stepFlopsOf(cell) >= SMALL_STEP_FLOPS;
  }

  private stepFlopsOf(cell: Cell): number {
    return runnerOf(cell, this.options.runners).stepFlops?.(cell) ?? 0;
  }

  private environmentOf(cell: Cell, device: Device | undefined): NodeJS.ProcessEnv {
    // runs that are at work at the same time share the cores
    const threads =
      numberSetting('GOWIDE_THREADS') ??
      Math.max(1, Math.floor((availableParallelism() * this.slotsOf(cell)) / this.options.jobs));
    return {
      ...process.env,
      GOWIDE_THREADS: String(threads),
      ...(device !== undefined && { CUDA_VISIBLE_DEVICES: device.name }),
    };
  }
}

/** What the memory of a cell is remembered under: seeds of one arm take about as much as each other. */
function keyOf({ experiment, arm, scale }: Cell): string {
  return JSON.stringify([experiment, arm, scale]);
}

/** Bytes of memory that processes can still take: what the machine, and the container if there is one, leave. */
function availableMemory(): number {
  return process.availableMemory?.() ?? freemem();
}
