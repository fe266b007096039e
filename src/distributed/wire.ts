/**
 * Messages over one connection. Each is a header of 16 bytes (kind, flags, number, length of what follows) and bytes.
 * They are sent in order, and received in order by whoever asks next; one that nobody has asked for yet is kept.
 */
import type { Socket } from 'node:net';
import { FailureError } from '../core/errors.js';
import { leavingError } from './leaving.js';

/** What a message is. */
export const KIND = { hello: 1, data: 2, leave: 3, alive: 4 } as const;

/** Begins every header, so that another program that answers is told from a worker. */
const MAGIC = 0x676f7769;
const HEADER = 16;
/** Bytes that are handed to the system at once: what is sent shows that the other end still reads. */
const SLICE = 2 ** 20;
/** Time for what was sent last to arrive, in milliseconds. */
const LINGER = 2000;
/** The longest message before the other end has shown that it knows the secret. */
const FIRST_LIMIT = 2 ** 16;

/** A message as it arrives. */
export interface Message {
  readonly kind: number;
  readonly flags: number;
  readonly number: number;
  readonly bytes: Uint8Array;
}

interface Waiting {
  readonly into: Uint8Array | undefined;
  readonly resolve: (message: Message) => void;
  readonly reject: (error: Error) => void;
}

/** One end of a connection. Every wait ends: with a message, with the connection, or with its time limit. */
export class Wire {
  private readonly header = new Uint8Array(HEADER);
  private headerBytes = 0;
  private coming: { readonly message: Message; at: number } | undefined;
  private readonly kept: Message[] = [];
  private waiting: Waiting | undefined;
  private longest = FIRST_LIMIT;
  private failure: Error | undefined;
  private failed: (error: Error) => void = () => {};
  /** When something was last received, or taken by the system to be sent. */
  private movedAt = 0;

  /** `name` is that of the other end in messages; after `milliseconds` of silence a wait ends. */
  constructor(
    readonly socket: Socket,
    private name: string,
    private milliseconds: number,
  ) {
    socket.setNoDelay(true);
    socket.on('data', (chunk: Uint8Array) => {
      this.movedAt = performance.now();
      this.take(chunk);
    });
    socket.on('error', () => {}); // "close" follows
    socket.on('close', () => this.fail(new FailureError(`${this.name} is gone: its connection ended`)));
  }

  /** Lets messages of any length through: the other end is a worker. */
  trust(): void {
    this.longest = Number.MAX_SAFE_INTEGER;
  }

  /** From now on the other end has this name and this limit, and `failed` is told once when the connection ends. */
  serve(name: string, milliseconds: number, failed: (error: Error) => void): void {
    Object.assign(this, { name, milliseconds, failed });
    // a machine that has lost its power says nothing: the system asks it
    this.socket.setKeepAlive(true, Math.max(1000, milliseconds / 2));
    if (this.failure !== undefined) failed(this.failure);
  }

  /** Sends a message; resolves when the system has taken it, until when the bytes must not change. */
  async send(kind: number, bytes: Uint8Array, flags = 0, number = 0): Promise<void> {
    // a worker that was silent may still read why it was given up
    if (this.failure !== undefined && kind !== KIND.leave) throw this.failure;
    const header = new DataView(new ArrayBuffer(HEADER));
    header.setUint32(0, MAGIC);
    header.setUint8(4, kind);
    header.setUint8(5, flags);
    header.setUint16(6, number % 2 ** 16);
    header.setFloat64(8, bytes.byteLength);
    const parts: Promise<void>[] = [];
    this.socket.cork(); // the header in one packet with what follows
    this.socket.write(new Uint8Array(header.buffer));
    for (let at = 0; at < bytes.byteLength; at += SLICE) {
      if (at === SLICE) this.socket.uncork();
      const part = bytes.subarray(at, at + SLICE);
      parts.push(
        new Promise((resolve) => {
          this.socket.write(part, () => {
            this.movedAt = performance.now();
            resolve(); // where the connection has ended, the next wait says so
          });
        }),
      );
    }
    this.socket.uncork();
    await this.limited(Promise.all(parts));
  }

  /**
   * The next message; its bytes are put into `into`, where they must fit, or are new. Throws FailureError when the
   * other end is gone, or has been silent for too long.
   */
  async receive(into?: Uint8Array): Promise<Message> {
    const kept = this.kept.shift();
    if (kept !== undefined) return this.put(kept, into);
    if (this.failure !== undefined) throw this.failure;
    const message = new Promise<Message>((resolve, reject) => (this.waiting = { into, resolve, reject }));
    return this.put(await this.limited(message), into);
  }

  /** Ends the connection after what was sent, and every wait for it. */
  end(): void {
    this.close(new FailureError(`the connection to ${this.name} is closed`));
    this.socket.end();
    setTimeout(() => this.socket.destroy(), LINGER).unref();
  }

  /** A wait during which the other end must not be silent for longer than the limit. */
  private async limited<T>(wait: Promise<T>): Promise<T> {
    const started = performance.now();
    const silent = (): number => performance.now() - Math.max(started, this.movedAt);
    let timer: NodeJS.Timeout | undefined;
    const check = (): void => {
      if (silent() < this.milliseconds) {
        timer = setTimeout(check, this.milliseconds - silent() + 1);
        return;
      }
      // this process may have been stopped meanwhile: first what has arrived is read
      timer = setTimeout(() => {
        if (silent() < this.milliseconds) return check();
        const seconds = Math.round(this.milliseconds / 1000);
        const error = new FailureError(`${this.name} has said nothing for ${seconds} s`);
        this.close(error);
        this.failed(error);
      }, 100);
    };
    timer = setTimeout(check, this.milliseconds);
    let reject!: (error: Error) => void;
    const failing = new Promise<never>((_, no) => (reject = no));
    this.failing.add(reject);
    try {
      return await Promise.race([wait, failing]);
    } finally {
      clearTimeout(timer);
      this.failing.delete(reject);
    }
  }

  /** What is told of a failure. */
  private readonly failing = new Set<(error: Error) => void>();

  /** Ends the connection at once, and tells whoever wants to know. */
  private fail(error: Error): void {
    if (this.failure !== undefined) return;
    this.close(error);
    this.socket.destroy();
    this.failed(error);
  }

  /** Ends every wait with the error, the first of which stands. */
  private close(error: Error): void {
    this.failure ??= error;
    this.waiting?.reject(error);
    this.waiting = undefined;
    this.failing.forEach((reject) => reject(error));
  }

  /** A message in the memory that was asked for. Throws FailureError where it does not fit. */
  private put(message: Message, into: Uint8Array | undefined): Message {
    if (into === undefined || message.bytes === into) return message;
    if (message.bytes.byteLength !== into.byteLength) {
      const sizes = `${message.bytes.byteLength} bytes, expected ${into.byteLength}`;
      const error = new FailureError(`${this.name} sent ${sizes}: it computes something else`);
      this.fail(error);
      throw error;
    }
    into.set(message.bytes);
    return { ...message, bytes: into };
  }

  private take(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && this.failure === undefined) {
      if (this.coming === undefined) {
        const part = chunk.subarray(at, at + HEADER - this.headerBytes);
        this.header.set(part, this.headerBytes);
        this.headerBytes += part.length;
        at += part.length;
        if (this.headerBytes === HEADER) this.begin();
      } else {
        const { bytes } = this.coming.message;
        const part = chunk.subarray(at, at + bytes.byteLength - this.coming.at);
        bytes.set(part, this.coming.at);
        this.coming.at += part.length;
        at += part.length;
      }
      if (this.coming !== undefined && this.coming.at === this.coming.message.bytes.byteLength) this.complete();
    }
  }

  /** A header is here: makes room for what follows, where the one who waits wants it. */
  private begin(): void {
    const view = new DataView(this.header.buffer);
    const [kind, flags, number, length] = [view.getUint8(4), view.getUint8(5), view.getUint16(6), view.getFloat64(8)];
    this.headerBytes = 0;
    if (view.getUint32(0) !== MAGIC || !(Number.isSafeInteger(length) && length >= 0 && length <= this.longest))
      return this.fail(new FailureError(`${this.name}: what answers there is no worker of gowide`));
    const into = kind === KIND.data ? this.waiting?.into : undefined;
    const bytes = into?.byteLength === length ? into : memoryFor(length);
    if (bytes === undefined)
      return this.fail(new FailureError(`${this.name} sent ${length} bytes, for which this machine has no memory`));
    this.coming = { message: { kind, flags, number, bytes }, at: 0 };
  }

  private complete(): void {
    const { message } = this.coming!;
    this.coming = undefined;
    if (message.kind === KIND.alive) return; // that it came is all that it says
    if (message.kind === KIND.leave && this.longest > FIRST_LIMIT)
      return this.fail(leavingError(message.bytes, this.name));
    const waiting = this.waiting;
    this.waiting = undefined;
    if (waiting === undefined) this.kept.push(message);
    else waiting.resolve(message);
  }
}

function memoryFor(bytes: number): Uint8Array | undefined {
  try {
    return new Uint8Array(bytes);
  } catch {
    return undefined;
  }
}
