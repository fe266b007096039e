/** Where a command that is given a path may write: over what such a command wrote before, and over nothing else. */
import {
  closeSync,
  existsSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  statSync,
  type Stats,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { UsageError } from '../core/errors.js';
import { GENERATOR, GENERATOR_META, PRODUCER } from '../core/markup.js';
import { asFileError, isLink, makeWritable } from './atomic.js';
import { openRegular } from './regular.js';
import { FILES } from './runs.js';
import { readMetadata } from './safetensors.js';

/** A kind of file that is written where a user says. */
export interface OutputKind {
  /** What it is, for messages, with its article. */
  readonly what: string;
  /** Whether the file at a path is one, by what is in it. */
  readonly isOne: (path: string) => boolean;
}

/** The first bytes of a file, as text. */
function beginOf(path: string, bytes: number): string {
  const file = openRegular(path, { links: true });
  try {
    const part = Buffer.alloc(bytes);
    return part.toString('latin1', 0, readSync(file, part, 0, bytes, 0));
  } finally {
    closeSync(file);
  }
}

/** The metadata of a safetensors file; undefined where it is none. */
function metadataOf(path: string): Readonly<Record<string, string>> | undefined {
  try {
    return readMetadata(path);
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

/** An ONNX file begins with the number of its format's version, field 1 of its message; field 2 is who wrote it. */
const OWN_ONNX = new RegExp(`^\\x08[\\0-\\x7f]\\x12\\x${PRODUCER.length.toString(16)}${PRODUCER}`);

/** Kinds of files by name. */
export const OUTPUTS = {
  page: {
    what: 'a page that gowide drew',
    isOne: (path) => {
      const head = beginOf(path, 2048);
      return (
        /^<!doctype html>/i.test(head) &&
        // by their titles, those of versions that did not say it
        (head.includes(GENERATOR_META) || /<title>([^<]*Go Wide, Then|Two sets of runs side by side)/.test(head))
      );
    },
  },
  safetensors: {
    what: 'a safetensors file whose metadata say that gowide wrote it (earlier versions did not say it)',
    isOne: (path) => metadataOf(path)?.generator === GENERATOR,
  },
  onnx: { what: `an ONNX file that ${PRODUCER} wrote`, isOne: (path) => OWN_ONNX.test(beginOf(path, 64)) },
} as const satisfies Record<string, OutputKind>;

/**
 * Throws UsageError where a path is in the `runs` of a store: what stands there is sealed, or counts as a run; nothing
 * else may be put there.
 *
 * @param path a file or a folder, which need not exist.
 */
export function refuseInRuns(path: string): void {
  for (let folder = asReal(path); dirname(folder) !== folder; folder = dirname(folder))
    if (basename(folder) === 'runs' && holdsRuns(folder))
      throw new UsageError(
        `${path}: it is among the runs of ${dirname(folder)}, which must stay as they are; name another place`,
      );
}

/** Whether a folder has runs; one that may not be listed, or is none, has none that could be harmed. */
function holdsRuns(folder: string): boolean {
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch {
    return false;
  }
  return names.some((name) => [FILES.spec, FILES.environment].every((file) => existsSync(join(folder, name, file))));
}

/** Links that lead to each other, at most: more are a loop. */
const MOST_LINKS = 40;

/** A path without symbolic links, as far as it exists. */
export function asReal(path: string, left = MOST_LINKS): string {
  const whole = resolve(path);
  if (existsSync(whole)) return realpathSync(whole);
  if (isLink(whole) && left > 0) return asReal(resolve(dirname(whole), readlinkSync(whole)), left - 1);
  return dirname(whole) === whole ? whole : join(asReal(dirname(whole)), basename(whole));
}

/** What is read of the folder of a network. */
const READ =
  /^((config|tokenizer|tokenizer_config|special_tokens_map|labels|model)\.json|vocab\.txt|(model|pytorch_model)(-\d+-of-\d+)?\.(safetensors|bin)(\.index\.json)?)$/;

/** Whether a path without links is an input, or what is read of one that is a network's folder. */
function isReadOf(path: string, input: string): boolean {
  return path === input || (dirname(path) === input && READ.test(basename(path)));
}

/** What stands at a path, links being followed; undefined where there is nothing. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw asFileError(error, path);
  }
}

/**
 * The path at which a file is to be written that the user named: a symbolic link is followed to the file that it leads
 * to. The folder that it will be in is made, so that nothing is computed first that cannot be kept. Throws UsageError
 * where that cannot be written into, where something else stands at the path (a folder, a device, a file of another
 * kind that is not empty), where the command reads that file, and among the runs of a store.
 *
 * @param inputs files, and folders of networks, that the same command reads.
 */
export function checkOutput(path: string, kind: OutputKind, inputs: readonly (string | undefined)[] = []): string {
  const stat = statOf(path);
  if (stat?.isDirectory()) throw new UsageError(`${path}: it is a folder; expected the name of a file`);
  if (stat?.isFile() === false) throw new UsageError(`${path}: it is a device or a pipe; expected the name of a file`);
  refuseInRuns(path);
  const target = asReal(path);
  if (inputs.some((input) => input !== undefined && existsSync(input) && isReadOf(target, asReal(input))))
    throw new UsageError(`${path}: this command reads it, and would write over it; name another file`);
  // an empty file, as mktemp makes it, has nothing to lose
  if (stat !== undefined && stat.size > 0 && !kind.isOne(target))
    throw new UsageError(`${path}: it is not ${kind.what}, and would be written over; remove it, or name another file`);
  makeWritable(dirname(target));
  return target;
}

/** Files that the folder of a network has. */
const OF_NETWORK = ['config.json', 'model.json', 'model.safetensors', 'vocab.txt', 'tokenizer.json'];

/**
 * Checks a folder that a network is to be written into. Throws UsageError where it holds a network that was not written
 * here, such as a download, and among the runs of a store.
 */
export function checkNetworkFolder(path: string): void {
  refuseInRuns(path);
  const found = OF_NETWORK.find((name) => existsSync(join(path, name)));
  if (found === undefined || wroteNetwork(path)) return;
  throw new UsageError(
    `${path}: it has ${found} of something else, or of an earlier gowide, which would be written over; ` +
      'remove it, or name another folder',
  );
}

/** Whether the network in a folder was written here. */
function wroteNetwork(folder: string): boolean {
  const [weights, model] = [join(folder, 'model.safetensors'), join(folder, 'model.json')];
  if (existsSync(weights) && metadataOf(weights)?.generator === GENERATOR) return true;
  return existsSync(model) && /"generatedBy": ?"go-wide-then-narrow/.test(beginOf(model, 4096));
}
