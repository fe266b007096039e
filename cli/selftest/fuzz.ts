/**
 * Thousands of damaged inputs: each is read, or refused in one line; none makes a crash, a hang, or a file outside the
 * folder given.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FailureError, UsageError } from '../../src/core/errors.js';
import { armSpecs } from '../../src/core/experiment.js';
import { parseCell } from '../../src/core/run.js';
import { loadCifar } from '../../src/data/cifar.js';
import { readSquad } from '../../src/data/squad.js';
import { parseTrainSpec } from '../../src/method/run/check-spec.js';
import { incomingFolder } from '../../src/store/merge.js';
import { readDeclaration } from '../../src/store/config.js';
import { folderOf, listRuns } from '../../src/store/runs.js';
import type { HostValues } from '../../src/core/host-array.js';
import { readSafetensors, writeSafetensors } from '../../src/store/safetensors.js';
import { readVocabulary } from '../../src/text/vocabulary.js';
import { parseSimulation } from '../../theory/simulate/declaration.js';
import { bertGlosses } from '../../experiments/bert.js';
import { resnetDigits } from '../../experiments/resnet.js';
import { chances, gowide, isOneLine, scaled, type Check, type Measured, type Place } from './check.js';
import { isBelow, listenToFiles, writes, WRITING_CALLS } from './file-calls.js';
import { expectedOf, type Expected } from './safetensors-oracle.js';
import { WATCH } from './watch.js';

type Chance = () => number;
const pick = <T>(list: readonly T[], chance: Chance): T => list[Math.floor(chance() * list.length)]!;

/** Values that programs stumble over. */
const ODD: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  1e308,
  -1e-308,
  2 ** 53,
  '',
  '../../../etc/passwd',
  'NaN',
  '\u0000',
  '__proto__',
  [],
  {},
  [[[[]]]],
  'x'.repeat(100_000),
  { constructor: 1 },
];

/** JSON with one value or key changed. */
function oddJson(value: unknown, chance: Chance): unknown {
  if (value === null || typeof value !== 'object' || chance() < 0.15) return pick(ODD, chance);
  if (Array.isArray(value)) {
    const at = Math.floor(chance() * value.length);
    if (value.length === 0 || chance() < 0.1) return [...(value as unknown[]), pick(ODD, chance)];
    return value.map((entry, i) => (i === at ? oddJson(entry, chance) : (entry as unknown)));
  }
  const keys = Object.keys(value);
  const key = pick(keys, chance);
  const kept = value as Record<string, unknown>;
  if (chance() < 0.1) return Object.fromEntries(keys.filter((name) => name !== key).map((name) => [name, kept[name]]));
  if (chance() < 0.1) return { ...kept, [String(pick(ODD, chance)).slice(0, 40)]: pick(ODD, chance) };
  return keys.length === 0 ? pick(ODD, chance) : { ...kept, [key]: oddJson(kept[key], chance) };
}

/** Bytes, cut off, flipped, doubled, or with other bytes in their midst. */
function oddBytes(bytes: Buffer, chance: Chance): Buffer {
  const at = Math.floor(chance() * bytes.length);
  switch (Math.floor(chance() * 5)) {
    case 0:
      return bytes.subarray(0, at);
    case 1: {
      const copy = Buffer.from(bytes);
      for (let k = 0; k < 1 + 8 * chance(); k++) copy[Math.floor(chance() * copy.length)] = Math.floor(256 * chance());
      return copy;
    }
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes]);
    case 3: {
      const copy = Buffer.from(bytes);
      if (copy.length >= 8)
        copy.writeBigUInt64LE(
          BigInt(Math.floor(chance() * 2 ** pick([8, 20, 40, 53], chance))),
          pick([0, Math.min(at, copy.length - 8)], chance),
        );
      return copy;
    }
    default:
      return Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from(pick(['\u0000', '{"a":', '\ud800', '9'.repeat(400), '['.repeat(20_000), '\r\n'], chance)),
        bytes.subarray(at),
      ]);
  }
}

/** Does something to an input, or nothing. */
interface Spoiler {
  readonly chance: Chance;
  readonly json: (value: unknown) => unknown;
  readonly bytes: (bytes: Buffer) => Buffer;
}

const spoilerOf = (chance: Chance): Spoiler => ({
  chance,
  json: (value) => oddJson(value, chance),
  bytes: (bytes) => oddBytes(bytes, chance),
});

/** Leaves inputs as they are: these must be read, or what is said of damaged ones proves nothing. */
const HARMLESS: Spoiler = { chance: () => 0.999, json: (value) => value, bytes: (bytes) => bytes };

interface Target {
  readonly name: string;
  readonly share: number;
  /** Makes an input, and returns what reads it. */
  readonly prepare: (folder: string, spoiler: Spoiler) => () => unknown;
  /** Whether the reader may write below its folder. */
  readonly writes?: boolean;
}

/** A reader's answer that is neither the right value nor a refusal where one is due. */
class WrongAnswer extends Error {}

const SQUAD = {
  version: '1.1',
  data: [
    {
      title: 'a',
      paragraphs: [
        {
          context: 'Köln lies on the Rhine. 🌊 It is old.',
          qas: [
            { id: '1', question: 'Where?', answers: [{ text: 'the Rhine', answer_start: 13 }] },
            { id: '2', question: 'What?', answers: [], is_impossible: true },
          ],
        },
      ],
    },
  ],
};
const TOKENIZER = {
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    vocab: { '[PAD]': 0, '[UNK]': 1, '[CLS]': 2, '[SEP]': 3, '[MASK]': 4, a: 5 },
  },
  normalizer: { type: 'BertNormalizer', lowercase: true },
  pre_tokenizer: { type: 'BertPreTokenizer' },
};
const SIMULATION = {
  version: 1,
  seed: 1,
  model: { depth: 2, d: 2, width: [8, 8], alpha: 1, c: 1, activation: 'tanh', law: { rho: 0, sa: 1 } },
  data: { train: 16, heldOut: 16 },
  flow: { steps: 10, dt: 0.1, method: 'euler', batch: 4 },
  thin: { m: 4, coupling: 'fresh', training: 'imitation', imitation: { steps: 10, dt: 0.1 } },
  halving: false,
};

function text(folder: string, name: string, value: unknown, { chance, json, bytes }: Spoiler): string {
  const file = join(folder, name);
  const whole = Buffer.from(JSON.stringify(chance() < 0.6 ? json(value) : value));
  writeFileSync(file, chance() < 0.5 ? bytes(whole) : whole);
  return file;
}

/** Tensors moved, made longer, or of another type, in a header that is JSON all the same. */
function oddTensors(bytes: Buffer, chance: Chance): Buffer {
  const length = Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString()) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const entry = header[pick(['a', 'b/c'], chance)]!;
  const by = pick([-8, -4, -1, 1, 4, 8, 48], chance);
  const [begin, end] = entry.data_offsets;
  const changes: readonly (() => void)[] = [
    () => (entry.data_offsets = [begin + by, end + by]),
    () => (entry.data_offsets = [begin, end + by]),
    () => (entry.data_offsets = [end, begin]),
    () => (entry.shape = [...entry.shape, pick([0, 1, 2, -1, 0.5], chance)]),
    () => (entry.dtype = pick(['F64', 'F32', 'F16', 'BF16', 'I64', 'I32', 'U8', 'BOOL', 'I16', 'f32'], chance)),
    () => (header.c = { ...entry }),
    () => delete header.a,
  ];
  for (let k = 0; k < 1 + Math.floor(2 * chance()); k++) pick(changes, chance)();
  const said = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(said.length));
  const data = bytes.subarray(8 + length);
  const longer = chance() < 0.5 ? data : Buffer.concat([data, Buffer.alloc(Math.max(0, by))]);
  return Buffer.concat([size, said, chance() < 0.2 ? longer.subarray(0, longer.length - 1) : longer]);
}

/** What is wrong with what was read of these bytes; undefined when nothing is. */
function differs(expected: Expected, read: ReturnType<typeof readSafetensors>): string | undefined {
  if (expected === 'open') return undefined;
  if (expected === 'refused') return 'read what is not a valid file';
  if (Object.keys(read.tensors).length !== expected.tensors.size) return 'read other tensors';
  for (const [name, { dtype, shape, bytes }] of expected.tensors) {
    const tensor = read.tensors[name];
    if (tensor === undefined || JSON.stringify(tensor.shape) !== JSON.stringify(shape)) return `read ${name} otherwise`;
    if (dtype !== 'F16' && dtype !== 'BF16' && !bytesOf(tensor.values).equals(bytes))
      return `read other values in ${name}`;
  }
  return undefined;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: HostValues): Buffer => Buffer.from(buffer, byteOffset, byteLength);

/** Reads a file, and compares what comes of it with the oracle. */
function readAsExpected(file: string): unknown {
  const expected = expectedOf(readFileSync(file));
  let read: ReturnType<typeof readSafetensors>;
  try {
    read = readSafetensors(file);
  } catch (error) {
    if (isRefusal(error) && typeof expected === 'object')
      throw new WrongAnswer(`refused a valid file: ${(error as Error).message}`);
    throw error;
  }
  const wrong = differs(expected, read);
  if (wrong !== undefined) throw new WrongAnswer(wrong);
  return read;
}

/** A JSON file that is an input: its name, what it holds undamaged, and its reader. */
interface JsonFile {
  readonly file: string;
  readonly value: (chance: Chance) => unknown;
  readonly read: (file: string) => unknown;
}

/** A target that is given a JSON file, damaged as JSON, as bytes, or as both. */
function jsonTarget(name: string, share: number, { file, value, read }: JsonFile): Target {
  return {
    name,
    share,
    prepare: (at, spoiler) => {
      const written = text(at, file, value(spoiler.chance), spoiler);
      return () => read(written);
    },
  };
}

function safetensorsTarget(folder: string): Target {
  const good = join(folder, 'good.safetensors');
  writeSafetensors(
    good,
    {
      a: { shape: [3, 4], values: new Float32Array(12) },
      'b/c': { shape: [2], values: new BigInt64Array(2) },
    },
    { note: 'x' },
  );
  const tensors = readFileSync(good);
  return {
    name: 'safetensors',
    share: 0.35,
    prepare: (at, spoiler) => {
      const file = join(at, 'x.safetensors');
      const moved = spoiler.chance() < 0.5 ? oddTensors(tensors, spoiler.chance) : tensors;
      writeFileSync(file, moved === tensors || spoiler.chance() < 0.1 ? spoiler.bytes(moved) : moved);
      return () => readAsExpected(file);
    },
  };
}

/** The files of CIFAR-10, one of which is damaged. */
function cifarTarget(): Target {
  const names = [...[1, 2, 3, 4, 5].map((k) => `data_batch_${k}.bin`), 'test_batch.bin'];
  const files = Object.fromEntries(names.map((name, k) => [name, Buffer.alloc(3073 * 4, k)]));
  return {
    name: 'CIFAR files',
    share: 0.05,
    prepare: (at, { chance, bytes: spoil }) => {
      const damaged = pick(names, chance);
      for (const [name, bytes] of Object.entries(files))
        writeFileSync(join(at, name), name === damaged ? spoil(bytes) : bytes);
      return () => loadCifar({ set: 'cifar10', folder: at, validation: 4, padding: 0 });
    },
  };
}

function vocabularyTarget(): Target {
  const vocabulary = Buffer.from(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', '##b', 'é', '漢'].join('\n'));
  return {
    name: 'vocabularies',
    share: 0.05,
    prepare: (at, { bytes }) => {
      const file = join(at, 'vocab.txt');
      writeFileSync(file, bytes(vocabulary));
      return () => readVocabulary(file);
    },
  };
}

/** A cell whose names lead out of its store, and the store that it is put into. */
function storeTarget(): Target {
  return {
    name: 'cells and stores',
    share: 0.1,
    writes: true,
    prepare: (at, { chance, json }) => {
      const names = { experiment: '../../x', arm: '..', scale: 'minutes', kind: 'train', spec: { a: 1 }, seed: 1 };
      const given = json({ ...names, experiment: String(pick(ODD, chance)).slice(0, 400) });
      return () => {
        const cell = parseCell(given);
        const folderName = folderOf(at, cell);
        if (!folderName.startsWith(join(at, 'runs'))) throw new WrongAnswer(`outside of the store: ${folderName}`);
        const incoming = incomingFolder(at, 'x');
        writeFileSync(join(incoming.folder, 'spec.json'), JSON.stringify(cell));
        return listRuns(at);
      };
    },
  };
}

/** All targets, in the order in which they draw their damage. */
function targets(folder: string): Target[] {
  const specs = [resnetDigits, bertGlosses].flatMap((experiment) => Object.values(armSpecs(experiment, 'minutes')));
  return [
    safetensorsTarget(folder),
    jsonTarget('training specs', 0.15, {
      file: 'spec.json',
      value: (chance) => pick(specs, chance),
      read: (file) => parseTrainSpec(readDeclaration(file, () => {})),
    }),
    jsonTarget('simulations', 0.1, {
      file: 'simulation.json',
      value: () => SIMULATION,
      read: (file) => parseSimulation(readDeclaration(file, () => {})),
    }),
    cifarTarget(),
    jsonTarget('SQuAD files', 0.15, { file: 'squad.json', value: () => SQUAD, read: readSquad }),
    jsonTarget('tokenizers', 0.05, { file: 'tokenizer.json', value: () => TOKENIZER, read: readVocabulary }),
    vocabularyTarget(),
    storeTarget(),
  ];
}

/** A refusal that a user can read. */
function isRefusal(error: unknown): boolean {
  return error instanceof UsageError || error instanceof FailureError;
}

/** What became of the inputs of one target. */
interface Counts {
  read: number;
  refused: number;
}

/** What the reading process found. */
export interface Fuzzed {
  readonly attempts: number;
  readonly targets: Readonly<Record<string, Counts>>;
  /** One line for each input that was answered wrongly, each file that a reader wrote, each crash. */
  readonly crashes: readonly string[];
  readonly slowest: number;
}

/** Attempts of one target from which on some must be read and some refused. */
const ENOUGH = 20;

/**
 * The child's part: the whole input of each target, which must be read, and then damaged ones. No reader may write
 * anything, but for those of stores below their folder: all calls that change files are listened to meanwhile.
 */
export function fuzzHere(folder: string, count: number): Fuzzed {
  const damaging = spoilerOf(chances('fuzz'));
  const crashes: string[] = [];
  const counts: Record<string, Counts> = {};
  let [attempts, slowest] = [0, 0];
  let at: { readonly name: string; readonly allowed: string | undefined } | undefined;
  const restore = listenToFiles(WRITING_CALLS, {
    before: (call) => {
      if (at === undefined || !writes(call)) return;
      const { name, allowed } = at;
      const foreign = call.paths.filter((path) => allowed === undefined || !isBelow(allowed, path));
      if (foreign.length > 0) crashes.push(`${name}: ${call.name} of ${foreign.join(', ')}`);
    },
  });
  for (const { name, share, prepare, writes: mayWrite } of targets(folder)) {
    const own = join(folder, name.replaceAll(' ', '-'));
    mkdirSync(own, { recursive: true });
    const answers = (counts[name] = { read: 0, refused: 0 });
    const total = Math.ceil(share * count);
    for (let k = -1; k < total; k++) {
      const reader = prepare(own, k < 0 ? HARMLESS : damaging);
      const from = performance.now();
      at = { name, allowed: mayWrite ? own : undefined };
      attempts++;
      try {
        reader();
        answers.read++;
      } catch (error) {
        if (k < 0) crashes.push(`${name}: the undamaged input is not read: ${String(error).slice(0, 300)}`);
        else if (isRefusal(error)) answers.refused++;
        else crashes.push(`${name} ${k}: ${String((error as Error).stack).slice(0, 300)}`);
      } finally {
        at = undefined;
      }
      slowest = Math.max(slowest, performance.now() - from);
    }
    if (total >= ENOUGH && (answers.read < 2 || answers.refused < 1))
      crashes.push(`${name}: ${answers.read} read and ${answers.refused} refused; damage that proves nothing`);
  }
  restore();
  return { attempts, targets: counts, crashes, slowest };
}

/** Names of all files below a folder. */
const listing = (folder: string): string[] => readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();

const WORDS = [
  'reproduce',
  'theory',
  'run',
  'list',
  'train',
  'resnet',
  'bert',
  'tune',
  'runs',
  'show',
  'merge',
  'gc',
  'sweep',
  'status',
  'report',
  'plan',
  'bench',
  '--scale',
  'minutes',
  '--seeds',
  '-1',
  '1e9',
  'x',
  '../..',
  '/proc/1',
  '--out',
  '--set',
  'a.b=c',
  '__proto__.x=1',
  '--config',
  'nothing.json',
  '--queue',
  'redis://u:p@',
  '--shard',
  '9/3',
  '--jobs',
  '0',
  '--json',
  '--print-config',
  '',
  '--help',
  '-',
  '--',
  'é',
  '--arm',
  '--experiment',
  '--name',
  'a b',
];

/** Milliseconds for all inputs together: an hour, as a machine with much other work takes ten minutes and more. */
const READING_LIMIT = 3_600_000;

async function fuzz(place: Place): Promise<Measured> {
  const count = scaled(20_000, place);
  const lines = Math.max(5, Math.round(count / 100));
  const folders = ['inside', 'home', 'temporary', 'cache', 'cwd'].map((name) => join(place.folder, name));
  folders.forEach((folder) => mkdirSync(folder, { recursive: true }));
  const [inside, home, temporary, cache, cwd] = folders as [string, string, string, string, string];
  // wherever a program may take it into its head to write, this is
  const env = { HOME: home, TMPDIR: temporary, XDG_CACHE_HOME: cache };
  const before = listing(place.folder);
  const read = ['selftest', '--fuzz-here', inside, '--fuzz-count', String(count - lines)];
  const { status, stdout, stderr } = gowide(place, read, env, { cwd, timeout: READING_LIMIT });
  if (status !== 0) return { pass: false, figure: `the reading process ended with ${status}: ${stderr.slice(0, 400)}` };
  const { attempts, targets: counts, crashes, slowest } = JSON.parse(stdout) as Fuzzed;
  // command lines that end by what is wrong with them: a flag that does not exist is always there
  const chance = chances('lines');
  const bad: string[] = [];
  let longest = { seconds: 0, line: '' };
  for (let k = 0; k < lines; k++) {
    const args = [...Array.from({ length: 1 + Math.floor(5 * chance()) }, () => pick(WORDS, chance)), '--no-such-flag'];
    const from = performance.now();
    const ended = gowide(place, args, env, { cwd });
    const seconds = (performance.now() - from) / 1000;
    if (seconds > longest.seconds) longest = { seconds, line: args.join(' ') };
    if (![0, 1, 2].includes(ended.status ?? -1) || !isOneLine(ended.stderr))
      bad.push(`${args.join(' ')}: ${ended.status} ${ended.stderr.slice(0, 200)}`);
  }
  const outside = listing(place.folder).filter(
    (name) => !before.includes(name) && !name.startsWith(join('inside', '')),
  );
  const pass = crashes.length === 0 && bad.length === 0 && outside.length === 0 && slowest < 5000;
  return {
    pass,
    figure: `${attempts + lines} inputs, read and refused: ${Object.entries(counts)
      .map(([name, { read: good, refused }]) => `${name} ${good} and ${refused}`)
      .join(
        ', ',
      )}; ${crashes.length + bad.length} crashes, slowest ${slowest.toFixed(0)} ms, longest command line ${longest.seconds.toFixed(1)} s (${longest.line}), ${outside.length} files outside the output folder${[
      ...crashes,
      ...bad,
    ]
      .slice(0, 2)
      .map((line) => `; ${line}`)
      .join('')}`,
  };
}

/** The checks of damaged inputs, and of what the server of `gowide watch` is asked. */
export const INPUTS: readonly Check[] = [
  {
    id: 'fuzz',
    what: '20,000 damaged inputs: read rightly or refused, no crash, no hang, no file outside the output folder',
    run: fuzz,
  },
  WATCH,
];
