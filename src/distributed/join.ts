/** How a worker finds the others: it connects to those before it, and waits for those after it. */
import { lookup } from 'node:dns/promises';
import { createConnection, createServer, SocketAddress, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, FailureError, messageOf, UsageError } from '../core/errors.js';
import { checkMembers } from '../core/registry.js';
import { addressText, checkSecret, checkTask, workerName, type Address } from './address.js';
import { introduce, RefusedError, welcome, type Facts } from './handshake.js';
import { leavingBytes } from './leaving.js';
import { KIND, Wire } from './wire.js';
import { WorkerMesh } from './mesh.js';
import { isTooLong, LONGEST_SOCKET_PATH } from './sockets.js';

/** What a worker needs to find the others. */
export interface Joining {
  /** Where every worker is, by task. */
  readonly addresses: readonly Address[];
  /** Which of them this process is. */
  readonly task: number;
  /** Known to all workers and to nobody else; empty where only this machine can reach them. */
  readonly secret: string;
  /** What all workers must have in common. */
  readonly facts: Facts;
  /** After so long a worker that has not come, or says nothing, ends the work of all. */
  readonly seconds: number;
  /** Prints a line for the user. */
  readonly notice: (line: string) => void;
  /** Called when the user of any worker wants to stop: on every worker after the same exchange. */
  readonly onStop: () => void;
  /** Aborted, with the error as its reason, when it is known from elsewhere that they cannot all come. */
  readonly signal?: AbortSignal;
}

/** Time between two attempts to connect, in milliseconds. */
const PAUSE = 200;
/** What the system says of a connection that cannot be made. */
const CODES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOENT: 'nothing listens there',
  ENOTFOUND: 'no machine of that name is known',
  EAI_AGAIN: 'no machine of that name is known',
  EHOSTUNREACH: 'there is no way to that machine',
  ENETUNREACH: 'there is no way to that machine',
  ETIMEDOUT: 'that machine does not answer',
};
/** Longest time that whoever connects may take to introduce itself, in milliseconds. */
const HELLO = 10_000;
/** Longest time that a timer can be set to, in milliseconds. */
const LONGEST = 2 ** 31 - 1;

/**
 * This process among the workers, when all of them are there. Throws UsageError where the address cannot be listened
 * at, or a secret is needed and missing; FailureError that names the worker which did not come, or which is none of
 * them.
 */
export async function joinWorkers(joining: Joining): Promise<WorkerMesh> {
  checkMembers('joinWorkers', joining, {
    ...{ addresses: 'array', task: 'number', secret: 'string', facts: 'object' },
    ...{ seconds: 'number', notice: 'function', onStop: 'function' },
  });
  const { addresses, task, secret } = joining;
  checkSecret(secret, addresses);
  checkTask(task, addresses);
  const long = addresses.flatMap((address) => ('path' in address ? address.path : [])).find(isTooLong);
  if (long !== undefined)
    throw new UsageError(
      `${long}: a path of ${Buffer.byteLength(long)} bytes; socket files have at most ${LONGEST_SOCKET_PATH}`,
    );
  const meeting = new Meeting(joining);
  try {
    return await meeting.complete();
  } catch (error) {
    meeting.fail(messageOf(error));
    throw error;
  } finally {
    meeting.close();
  }
}

/** The time in which workers come together. */
class Meeting {
  private readonly wires = new Map<number, Wire>();
  private readonly open = new Set<Socket>();
  private server: Server | undefined;
  private done = false;
  /** What was noticed while a worker did not come, for the message at the end. */
  private readonly seen = new Map<number, string>();
  private stranger: string | undefined;
  private settle: (error?: Error) => void = () => {};

  private readonly milliseconds: number;

  constructor(private readonly joining: Joining) {
    this.milliseconds = Math.min(joining.seconds * 1000, LONGEST);
  }

  async complete(): Promise<WorkerMesh> {
    const { addresses, task, signal, onStop } = this.joining;
    const all = new Promise<void>((resolve, reject) => {
      this.settle = (error) => (error === undefined ? resolve() : reject(error));
    });
    all.catch(() => {}); // it may be known before it is waited for
    const timer = setTimeout(() => this.settle(this.late()), this.milliseconds);
    const abort = (): void => this.settle(signal!.reason as Error);
    signal?.addEventListener('abort', abort);
    try {
      if (signal?.aborted) abort();
      if (task < addresses.length - 1) await Promise.race([this.listen(), all]);
      for (let other = 0; other < task; other++)
        this.connect(other).catch((error: unknown) => this.settle(error as Error));
      await all;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      this.done = true;
    }
    const inOrder = new Map([...this.wires].sort(([a], [b]) => a - b));
    return new WorkerMesh(task, addresses, inOrder, onStop);
  }

  /** Tells those who have come why this worker ends. */
  fail(reason: string): void {
    const bytes = leavingBytes({ reason, stopped: false, other: true });
    for (const wire of this.wires.values()) {
      wire.send(KIND.leave, bytes).catch(() => {});
      wire.end();
    }
  }

  /** Stops listening, and lets go of whoever has not introduced itself. */
  close(): void {
    this.server?.close();
    for (const socket of this.open) socket.destroy();
  }

  private late(): Error {
    const { addresses, seconds } = this.joining;
    const missing = addresses.findIndex((_, k) => k !== this.joining.task && !this.wires.has(k));
    const why = this.seen.get(missing) ?? this.stranger;
    const reason = why === undefined ? '' : ` (${why})`;
    return new FailureError(
      `${workerName(missing, addresses)} did not come within ${seconds} s${reason}; start it with the same list as ` +
        `task ${missing}, or wait for longer`,
    );
  }

  private async listen(): Promise<void> {
    const { addresses, task } = this.joining;
    const address = addresses[task]!;
    const found = 'path' in address ? address : { ...address, host: await ownAddress(address.host, task, address) };
    if (this.done) return;
    this.server = createServer((socket) => void this.accept(socket));
    await new Promise<void>((resolve, reject) => {
      this.server!.on('error', (error) => reject(listenError(error, task, address))).on('listening', resolve);
      this.server!.listen({ ...found, exclusive: true });
    });
  }

  private async accept(socket: Socket): Promise<void> {
    const { addresses, task, secret, facts } = this.joining;
    const from = socket.remoteAddress ?? 'this machine';
    const allow = (other: number): string | undefined => {
      if (!Number.isInteger(other) || other <= task || other >= addresses.length)
        return `no task ${other} connects to task ${task} of ${addresses.length}`;
      return this.wires.has(other) ? `${workerName(other, addresses)} is here already` : undefined;
    };
    this.open.add(socket);
    socket.once('close', () => this.open.delete(socket));
    const wire = new Wire(socket, from, HELLO);
    try {
      const other = await welcome(wire, { task, secret, facts, allow }, (k) => workerName(k, addresses));
      // of two that introduce themselves at once, each while the other is not here yet
      if (this.wires.has(other)) throw new Error(`${workerName(other, addresses)} is here already`);
      this.here(other, wire);
    } catch (error) {
      wire.end();
      if (error instanceof RefusedError) return this.settle(error);
      this.stranger = `a connection from ${from} was refused: ${messageOf(error)}`;
    }
  }

  private async connect(other: number): Promise<void> {
    const { addresses, task, secret, facts } = this.joining;
    const name = workerName(other, addresses);
    while (!this.done) {
      let wire: Wire | undefined;
      try {
        const socket = await this.dial(addresses[other]!);
        this.seen.set(other, 'what listens there has not answered as a worker does');
        wire = new Wire(socket, name, HELLO);
        await introduce(wire, { task, secret, facts, to: other }, name);
        return this.here(other, wire);
      } catch (error) {
        wire?.end();
        if (error instanceof RefusedError) throw error;
        const code = codeOf(error);
        this.seen.set(other, code === undefined ? messageOf(error) : (CODES[code] ?? code));
      }
      await sleep(PAUSE);
    }
  }

  /** A worker has introduced itself. */
  private here(other: number, wire: Wire): void {
    const { addresses } = this.joining;
    this.open.delete(wire.socket);
    if (this.done) return wire.end();
    this.wires.set(other, wire);
    wire.serve(workerName(other, addresses), this.milliseconds, this.settle);
    if (this.wires.size === addresses.length - 1) this.settle();
  }

  private dial(address: Address): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(address);
      this.open.add(socket);
      socket.once('connect', () => resolve(socket)).once('error', reject);
      socket.once('close', () => this.open.delete(socket));
    });
  }
}

/**
 * The number of the address at which a worker listens. Throws UsageError where it stands for every address of the
 * machine: strangers could connect, and the other workers could not connect to it.
 */
async function ownAddress(host: string, task: number, address: Address): Promise<string> {
  let found: { readonly address: string; readonly family: number };
  try {
    found = await lookup(host);
  } catch (error) {
    throw listenError(error as Error, task, address);
  }
  const number = found.address.split('%')[0]!; // without a zone
  const plain = new SocketAddress({ address: number, family: found.family === 6 ? 'ipv6' : 'ipv4' }).address;
  if (['0.0.0.0', '::', '::ffff:0.0.0.0'].includes(plain))
    throw new UsageError(
      `worker ${task}: ${addressText(address)} is every address of this machine; expected the one by which the other ` +
        'workers reach it',
    );
  return found.address;
}

/** What the system says when an address cannot be listened at, in the words of the command line. */
function listenError(error: Error, task: number, address: Address): Error {
  const where = addressText(address);
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return new FailureError(
        `worker ${task}: ${where} is in use by another program; choose another port in --workers`,
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new UsageError(
        `worker ${task}: ${where} is not an address of this machine; --task says which of the workers this process is`,
      );
    case 'EACCES':
      return new UsageError(`worker ${task}: ${where} may not be listened at; choose a port from 1024 on in --workers`);
    default:
      return new FailureError(`worker ${task}: ${where} cannot be listened at: ${messageOf(error)}`);
  }
}
