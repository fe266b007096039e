/**
 * Pickles that hold data, read without executing anything: a stack machine with the opcodes that data need, and the few
 * functions that its caller names. Python's `pickletools` says what each opcode means. Whatever else a pickle asks for
 * is refused by its name before anything is made of it.
 */
import { UsageError } from '../core/errors.js';

/** What a pickle's values become: numbers, texts, lists, and maps for dicts (their keys may be anything). */
export type Pickled =
  | null
  | boolean
  | number
  | bigint
  | string
  | Pickled[]
  | Map<Pickled, Pickled>
  | Named
  | { readonly opaque: unknown };

/** A function or class that a pickle names, `module.name`. */
export class Named {
  constructor(readonly name: string) {}
}

/** What a caller allows and provides. */
export interface PickleOptions {
  /** The file, for messages. */
  readonly source: string;
  /** Functions that may be called, by `module.name`, as functions of the arguments. */
  readonly calls: Readonly<Record<string, (args: readonly Pickled[]) => Pickled>>;
  /** Names that may stand as values. */
  readonly names: (name: string) => boolean;
  /** What a persistent id stands for. */
  readonly persistent: (id: Pickled) => Pickled;
}

/** Values on the stack and in the memo, at most: a pickle of a checkpoint has some thousands. */
const MOST_VALUES = 5_000_000;
const MARK = Symbol('mark');

/** The value of a pickle. Throws UsageError on what is not allowed, is cut off or is no pickle; nothing is executed. */
export function readPickle(bytes: Uint8Array, options: PickleOptions): Pickled {
  return new Machine(bytes, options).run();
}

class Machine {
  private at = 0;
  private readonly stack: (Pickled | typeof MARK)[] = [];
  private readonly memo = new Map<number, Pickled>();
  private readonly view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly options: PickleOptions,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): Pickled {
    for (;;) {
      const opcode = this.take(1)[0]!;
      if (opcode === 0x2e) return this.pop(); // STOP
      const step = OPCODES[opcode];
      if (step === undefined)
        throw this.refused(
          `opcode 0x${opcode.toString(16)} at byte ${this.at - 1}, which data do not need; nothing was executed`,
        );
      step(this);
      if (this.stack.length + this.memo.size > MOST_VALUES) throw this.refused(`more than ${MOST_VALUES} values`);
    }
  }

  private refused(what: string): UsageError {
    return new UsageError(`${this.options.source}: its pickle has ${what}`);
  }

  take(count: number): Uint8Array {
    if (count < 0 || this.at + count > this.bytes.length)
      throw new UsageError(`${this.options.source}: its pickle is cut off at byte ${this.at}`);
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  uint(width: 1 | 2 | 4): number {
    const from = this.at;
    this.take(width);
    if (width === 1) return this.view.getUint8(from);
    return width === 2 ? this.view.getUint16(from, true) : this.view.getUint32(from, true);
  }

  int(): number {
    return this.uint(4) | 0;
  }

  double(): number {
    const from = this.at;
    this.take(8);
    return this.view.getFloat64(from, false);
  }

  text(length: number): string {
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(this.take(length));
    } catch (error) {
      throw error instanceof TypeError ? this.refused('a text that is not UTF-8') : error;
    }
  }

  line(): string {
    const end = this.bytes.indexOf(10, this.at);
    const text = this.text((end < 0 ? this.bytes.length + 1 : end) - this.at);
    this.at++;
    return text;
  }

  /** A whole number of so many bytes, two's complement, little-endian. */
  long(length: number): number | bigint {
    const bytes = this.take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
    value = BigInt.asIntN(8 * length, value);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  push(value: Pickled | typeof MARK): void {
    this.stack.push(value);
  }

  mark(): void {
    this.stack.push(MARK);
  }

  pop(): Pickled {
    const value = this.top();
    this.stack.pop();
    return value;
  }

  /** The last `count` values, taken off. */
  last(count: number): Pickled[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  /** The values above the last mark, taken off with it. */
  toMark(): Pickled[] {
    const from = this.stack.lastIndexOf(MARK);
    if (from < 0) throw this.refused('no mark where it needs one');
    const values = this.stack.splice(from + 1) as Pickled[];
    this.stack.pop();
    return values;
  }

  top(): Pickled {
    const value = this.stack.at(-1);
    if (value === undefined || value === MARK) throw this.refused('fewer values than it uses');
    return value;
  }

  remember(key: number): void {
    this.memo.set(key, this.top());
  }

  rememberNext(): void {
    this.remember(this.memo.size);
  }

  recall(key: number): void {
    const value = this.memo.get(key);
    if (value === undefined) throw this.refused(`no value ${key} that it asks for again`);
    this.push(value);
  }

  name(module: Pickled, name: Pickled): void {
    if (typeof module !== 'string' || typeof name !== 'string') throw this.refused('a name that is no text');
    const full = `${module}.${name}`;
    if (!Object.hasOwn(this.options.calls, full) && !this.options.names(full))
      throw this.refused(
        `code in it: it asks for ${full}, and plain tensors need no such thing; it was refused and ` +
          'nothing was executed',
      );
    this.push(new Named(full));
  }

  call(): void {
    const [callable, args] = this.last(2) as [Pickled, Pickled];
    const call =
      callable instanceof Named && Object.hasOwn(this.options.calls, callable.name)
        ? this.options.calls[callable.name]
        : undefined;
    if (call === undefined || !Array.isArray(args)) throw this.refused('a call of what is no function');
    this.push(call(args));
  }

  persistent(): void {
    this.push(this.options.persistent(this.pop()));
  }

  extend(values: readonly Pickled[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw this.refused('entries for what is no list');
    for (const value of values) list.push(value);
  }

  set(pairs: readonly Pickled[]): void {
    const map = this.top();
    if (!(map instanceof Map) || pairs.length % 2 !== 0) throw this.refused('entries for what is no dict');
    for (let i = 0; i < pairs.length; i += 2) map.set(pairs[i]!, pairs[i + 1]!);
  }

  /** The state of an object that is plain data here; it is left out (`_metadata` of a state dict). */
  build(): void {
    this.pop();
    if (!(this.top() instanceof Map)) throw this.refused('a state for what is no dict');
  }
}

/** What each opcode that data need does. */
const OPCODES: Readonly<Record<number, (machine: Machine) => void>> = {
  0x80: (m) => void m.uint(1), // PROTO
  0x95: (m) => void m.take(8), // FRAME
  0x28: (m) => m.mark(), // MARK
  0x30: (m) => void m.pop(), // POP
  0x4e: (m) => m.push(null), // NONE
  0x88: (m) => m.push(true), // NEWTRUE
  0x89: (m) => m.push(false), // NEWFALSE
  0x4a: (m) => m.push(m.int()), // BININT
  0x4b: (m) => m.push(m.uint(1)), // BININT1
  0x4d: (m) => m.push(m.uint(2)), // BININT2
  0x8a: (m) => m.push(m.long(m.uint(1))), // LONG1
  0x47: (m) => m.push(m.double()), // BINFLOAT
  0x58: (m) => m.push(m.text(m.uint(4))), // BINUNICODE
  0x8c: (m) => m.push(m.text(m.uint(1))), // SHORT_BINUNICODE
  0x5d: (m) => m.push([]), // EMPTY_LIST
  0x61: (m) => m.extend(m.last(1)), // APPEND
  0x65: (m) => m.extend(m.toMark()), // APPENDS
  0x7d: (m) => m.push(new Map()), // EMPTY_DICT
  0x73: (m) => m.set(m.last(2)), // SETITEM
  0x75: (m) => m.set(m.toMark()), // SETITEMS
  0x29: (m) => m.push([]), // EMPTY_TUPLE
  0x74: (m) => m.push(m.toMark()), // TUPLE
  0x85: (m) => m.push(m.last(1)), // TUPLE1
  0x86: (m) => m.push(m.last(2)), // TUPLE2
  0x87: (m) => m.push(m.last(3)), // TUPLE3
  0x71: (m) => m.remember(m.uint(1)), // BINPUT
  0x72: (m) => m.remember(m.uint(4)), // LONG_BINPUT
  0x94: (m) => m.rememberNext(), // MEMOIZE
  0x68: (m) => m.recall(m.uint(1)), // BINGET
  0x6a: (m) => m.recall(m.uint(4)), // LONG_BINGET
  0x63: (m) => m.name(m.line(), m.line()), // GLOBAL
  0x93: (m) => {
    const [module, name] = m.last(2);
    m.name(module!, name!); // STACK_GLOBAL
  },
  0x52: (m) => m.call(), // REDUCE
  0x51: (m) => m.persistent(), // BINPERSID
  0x62: (m) => m.build(), // BUILD
};
