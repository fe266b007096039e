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
import { parseTrainSpec } from '../../src/method/check-spec.js';
import { incomingFolder } from '../../src/store/merge.js';
import { readDeclaration } from '../../src/store/config.js';
import { folderOf, listRuns } from '../../src/store/runs.js';
import { readSafetensors, writeSafetensors } from '../../src/store/safetensors.js';
import { readVocabulary } from '../../src/text/vocabulary.js';
import { parseSimulation } from '../../theory/simulate/declaration.js';
import { bertGlosses } from '../../experiments/bert.js';
import { resnetDigits } from '../../experiments/resnet.js';
import { chances, gowide, isOneLine, scaled, type Check, type Measured, type Place } from './check.js';
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

/** The same JSON with one value or key changed. */
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

/** The same bytes, cut off, flipped, doubled, or with other bytes in their midst. */
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

interface Target {
  readonly name: string;
  readonly share: number;
  /** Makes a damaged input and reads it. */
  readonly attempt: (folder: string, chance: Chance) => unknown;
}

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
  network: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    vocab: { '[PAD]': 0, '[UNK]': 1, '[CLS]': 2, '[SEP]': 3, '[MASK]': 4, a: 5 },
  },
  normalizer: { type: 'BertNormalizer', lowercase: true },
};
const SIMULATION = { version: 1, depth: 2, m: 4, wide: 8, d: 2, alpha: 1, c: 1, seed: 1 };

function text(folder: string, name: string, value: unknown, chance: Chance): string {
  const file = join(folder, name);
  const whole = Buffer.from(JSON.stringify(chance() < 0.6 ? oddJson(value, chance) : value));
  writeFileSync(file, chance() < 0.5 ? oddBytes(whole, chance) : whole);
  return file;
}

function targets(folder: string): Target[] {
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
  const cifar = Object.fromEntries(
    [
      'data_batch_1.bin',
      'data_batch_2.bin',
      'data_batch_3.bin',
      'data_batch_4.bin',
      'data_batch_5.bin',
      'test_batch.bin',
    ].map((name, k) => [name, Buffer.alloc(3073 * 4, k)]),
  );
  const specs = [resnetDigits, bertGlosses].flatMap((experiment) => Object.values(armSpecs(experiment, 'minutes')));
  const vocabulary = Buffer.from(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', '##b', 'é', '漢'].join('\n'));
  return [
    {
      name: 'safetensors',
      share: 0.35,
      attempt: (at, chance) => {
        const file = join(at, 'x.safetensors');
        writeFileSync(file, oddBytes(tensors, chance));
        return readSafetensors(file);
      },
    },
    {
      name: 'training specs',
      share: 0.15,
      attempt: (at, chance) =>
        parseTrainSpec(readDeclaration(text(at, 'spec.json', pick(specs, chance), chance), () => {})),
    },
    {
      name: 'simulations',
      share: 0.1,
      attempt: (at, chance) =>
        parseSimulation(readDeclaration(text(at, 'simulation.json', SIMULATION, chance), () => {})),
    },
    {
      name: 'CIFAR files',
      share: 0.05,
      attempt: (at, chance) => {
        const damaged = pick(Object.keys(cifar), chance);
        for (const [name, bytes] of Object.entries(cifar))
          writeFileSync(join(at, name), name === damaged ? oddBytes(bytes, chance) : bytes);
        return loadCifar({ set: 'cifar10', folder: at, validation: 4, padding: 0 });
      },
    },
    { name: 'SQuAD files', share: 0.15, attempt: (at, chance) => readSquad(text(at, 'squad.json', SQUAD, chance)) },
    {
      name: 'vocabularies',
      share: 0.1,
      attempt: (at, chance) => {
        if (chance() < 0.6) return readVocabulary(text(at, 'tokenizer.json', TOKENIZER, chance));
        const file = join(at, 'vocab.txt');
        writeFileSync(file, oddBytes(vocabulary, chance));
        return readVocabulary(file);
      },
    },
    {
      name: 'cells and stores',
      share: 0.1,
      attempt: (at, chance) => {
        const names = { experiment: '../../x', arm: '..', scale: 'minutes', kind: 'train', spec: { a: 1 }, seed: 1 };
        const cell = parseCell(oddJson({ ...names, experiment: String(pick(ODD, chance)).slice(0, 400) }, chance));
        const folderName = folderOf(at, cell);
        if (!folderName.startsWith(join(at, 'runs'))) throw new Error(`outside of the store: ${folderName}`);
        const incoming = incomingFolder(at, 'x');
        writeFileSync(join(incoming.folder, 'spec.json'), JSON.stringify(cell));
        return listRuns(at);
      },
    },
  ];
}

/** A refusal that a user can read. */
function isRefusal(error: unknown): boolean {
  return error instanceof UsageError || error instanceof FailureError;
}

/**
 * The child's part: attempts of one target, one after the other; says each before it is made, so that one that hangs is
 * known.
 */
export function fuzzHere(
  folder: string,
  count: number,
): { readonly attempts: number; readonly read: number; readonly crashes: readonly string[]; readonly slowest: number } {
  const chance = chances('fuzz');
  const crashes: string[] = [];
  let [attempts, read, slowest] = [0, 0, 0];
  for (const { name, share, attempt } of targets(folder)) {
    const own = join(folder, name.replaceAll(' ', '-'));
    mkdirSync(own, { recursive: true });
    for (let k = 0; k < Math.ceil(share * count); k++) {
      const from = performance.now();
      attempts++;
      try {
        attempt(own, chance);
        read++;
      } catch (error) {
        if (!isRefusal(error)) crashes.push(`${name} ${k}: ${String((error as Error).stack).slice(0, 300)}`);
      }
      slowest = Math.max(slowest, performance.now() - from);
    }
  }
  return { attempts, read, crashes, slowest };
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
  '\u0000'.slice(1),
  '--help',
  '-',
  '--',
  'é',
  '--arm',
  '--experiment',
  '--name',
  'a b',
];

async function fuzz(place: Place): Promise<Measured> {
  const count = scaled(10_000, place);
  const lines = Math.max(5, Math.round(count / 100));
  const inside = join(place.folder, 'inside');
  mkdirSync(inside, { recursive: true });
  const { status, stdout, stderr } = gowide(place, [
    'selftest',
    '--fuzz-here',
    inside,
    '--fuzz-count',
    String(count - lines),
  ]);
  if (status !== 0) return { pass: false, figure: `the reading process ended with ${status}: ${stderr.slice(0, 400)}` };
  const { attempts, read, crashes, slowest } = JSON.parse(stdout) as ReturnType<typeof fuzzHere>;
  // command lines that end by what is wrong with them: a flag that does not exist is always there
  const chance = chances('lines');
  const cwd = join(place.folder, 'cwd');
  mkdirSync(cwd, { recursive: true });
  const before = listing(place.folder);
  const bad: string[] = [];
  for (let k = 0; k < lines; k++) {
    const args = [...Array.from({ length: 1 + Math.floor(5 * chance()) }, () => pick(WORDS, chance)), '--no-such-flag'];
    const ended = gowide(place, args, {}, { cwd, timeout: 30_000 });
    if (![0, 1, 2].includes(ended.status ?? -1) || !isOneLine(ended.stderr))
      bad.push(`${args.join(' ')}: ${ended.status} ${ended.stderr.slice(0, 200)}`);
  }
  const outside = listing(place.folder).filter((name) => !before.includes(name));
  const pass = crashes.length === 0 && bad.length === 0 && outside.length === 0 && slowest < 5000;
  return {
    pass,
    figure: `${attempts + lines} inputs, ${read} of them still fit to be read: ${crashes.length + bad.length} crashes, slowest ${slowest.toFixed(0)} ms, ${outside.length} files outside the output folder${[
      ...crashes,
      ...bad,
    ]
      .slice(0, 2)
      .map((line) => `; ${line}`)
      .join('')}`,
  };
}

export const INPUTS: readonly Check[] = [
  { id: 'fuzz', what: '10,000 damaged inputs: no crash, no hang, no file outside the output folder', run: fuzz },
  WATCH,
];
