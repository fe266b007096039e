/**
 * Workers, each connected to every other. A sum is divided among them: worker k receives every worker's part k, adds
 * them up in the order of tasks, and sends the sum to all; so each sends and receives twice the values, less the share
 * that is its own, however many workers there are.
 */
import { FailureError, InterruptedError, messageOf } from '../core/errors.js';
import type { Workers } from '../core/workers.js';
import { workerName, type Address } from './address.js';
import { leavingBytes } from './leaving.js';
import { KIND, type Message, type Wire } from './wire.js';

/** Flag of a message: the user of the sender wants the run to stop. */
const STOP = 1;
/** Time between two messages that say no more than that this worker is at work, in milliseconds. */
const ALIVE_PAUSE = 250;

/** This process as one of the workers, all of which are connected. */
export class WorkerMesh implements Workers {
  /** Numbers the exchanges, so that workers which do not do the same find out. */
  private number = 0;
  private wantsToStop = false;
  private told = false;
  private failure: Error | undefined;
  private room = new Uint8Array();
  private saidAliveAt = -Infinity;

  /** `wires` are the connections to the others, by task; `onStop` is called when a worker's user wants to stop. */
  constructor(
    readonly task: number,
    private readonly addresses: readonly Address[],
    private readonly wires: ReadonlyMap<number, Wire>,
    private readonly onStop: () => void,
  ) {}

  get size(): number {
    return this.addresses.length;
  }

  /** Asks all workers to stop; they are told with the next sum, after which each of them calls its `onStop`. */
  requestStop(): void {
    this.wantsToStop = true;
  }

  /**
   * Tells the others that this worker is at work on something of its own, such as files that it reads, so that they
   * wait for it. To be called as that goes on, and by nothing that would call it while the work stands still.
   */
  alive(): void {
    if (performance.now() - this.saidAliveAt < ALIVE_PAUSE || this.failure !== undefined) return;
    this.saidAliveAt = performance.now();
    for (const wire of this.wires.values()) wire.send(KIND.alive, new Uint8Array()).catch(() => {});
  }

  async sum(values: Float32Array): Promise<void> {
    const number = ++this.number;
    const flags = this.wantsToStop ? STOP : 0;
    const parts = Array.from({ length: this.size }, (_, k) => partOf(values, k, this.size));
    const mine = parts[this.task]!;
    const stops = await this.guarded(async () => {
      const received = await this.withAll(async (wire, k) => {
        const into = this.roomFor(k, mine);
        const message = await this.exchange(wire, k, { number, flags, bytes: bytesOf(parts[k]!) }, bytesOf(into));
        return { k, into, flags: message.flags };
      });
      addInOrder(mine, this.task, received);
      await this.withAll((wire, k) =>
        this.exchange(wire, k, { number, flags, bytes: bytesOf(mine) }, bytesOf(parts[k]!)),
      );
      return flags === STOP || received.some((one) => one.flags === STOP);
    });
    if (!stops || this.told) return;
    this.told = true;
    this.onStop();
  }

  async share(bytes: Uint8Array = new Uint8Array()): Promise<Uint8Array> {
    const number = ++this.number;
    return this.guarded(async () => {
      if (this.task === 0) {
        await this.withAll((wire) => wire.send(KIND.data, bytes, 0, number));
        return bytes;
      }
      const message = await this.wires.get(0)!.receive();
      this.check(message, 0, number);
      return message.bytes;
    });
  }

  async gather(bytes: Uint8Array): Promise<readonly Uint8Array[]> {
    const number = ++this.number;
    return this.guarded(async () => {
      const all: Uint8Array[] = [];
      all[this.task] = bytes;
      await this.withAll(async (wire, k) => {
        all[k] = (await this.exchange(wire, k, { number, flags: 0, bytes })).bytes;
      });
      return all;
    });
  }

  async agree(what: string, text: string): Promise<void> {
    const first = Buffer.from(await this.share(Buffer.from(text))).toString();
    if (first === text) return;
    const name = workerName(this.task, this.addresses);
    await this.guarded(() =>
      Promise.reject(new FailureError(`${name} has other ${what} than worker 0: ${text}, expected ${first}`)),
    );
  }

  /** Ends the connections when the work is done. */
  close(): void {
    for (const wire of this.wires.values()) wire.end();
  }

  /** Ends the connections because of an error, which the others are told. */
  abandon(error: unknown): void {
    const stopped = error instanceof InterruptedError;
    const bytes = leavingBytes({ reason: messageOf(error), stopped, other: error === this.failure });
    for (const wire of this.wires.values()) {
      wire.send(KIND.leave, bytes).catch(() => {}); // it may be the one that is gone
      wire.end();
    }
  }

  private withAll<T>(act: (wire: Wire, task: number) => Promise<T>): Promise<T[]> {
    return Promise.all([...this.wires].map(([task, wire]) => act(wire, task)));
  }

  /** The first failure ends the work of all: whoever is still waiting for this worker is told of it. */
  private async guarded<T>(act: () => Promise<T>): Promise<T> {
    if (this.failure !== undefined) throw this.failure;
    try {
      return await act();
    } catch (error) {
      this.failure ??= error as Error;
      this.abandon(error);
      throw error;
    }
  }

  /**
   * Sends bytes to another worker while that one's are received, into `into` where it is given. Throws FailureError
   * where the other is at another exchange.
   */
  private async exchange(
    wire: Wire,
    task: number,
    { number, flags, bytes }: Omit<Message, 'kind'>,
    into?: Uint8Array,
  ): Promise<Message> {
    const [message] = await Promise.all([wire.receive(into), wire.send(KIND.data, bytes, flags, number)]);
    this.check(message, task, number);
    return message;
  }

  private check({ kind, number }: Message, task: number, expected: number): void {
    if (kind === KIND.data && number === expected % 2 ** 16) return;
    throw new FailureError(
      `${workerName(task, this.addresses)} is at exchange ${number}, expected ${expected % 2 ** 16}: it does ` +
        'something else',
    );
  }

  /** Memory for another worker's values of this one's part, kept from sum to sum. */
  private roomFor(task: number, { length }: Float32Array): Float32Array {
    if (this.room.byteLength < 4 * length * this.size) this.room = new Uint8Array(4 * length * this.size);
    return new Float32Array(this.room.buffer, 4 * length * task, length);
  }
}

/** Part k of n of the values, in their memory. */
function partOf(values: Float32Array, k: number, n: number): Float32Array {
  const at = (i: number): number => Math.floor((i * values.length) / n);
  return values.subarray(at(k), at(k + 1));
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Adds the others' values to this worker's, in the order of tasks whatever the order in which they came. */
function addInOrder(
  mine: Float32Array,
  task: number,
  others: readonly { readonly k: number; readonly into: Float32Array }[],
): void {
  const all = [...others, { k: task, into: mine }].sort((a, b) => a.k - b.k).map(({ into }) => into);
  const [sum, ...rest] = all as [Float32Array, ...Float32Array[]];
  for (const values of rest) for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + values[i]!;
  if (sum !== mine) mine.set(sum);
}
