/**
 * Transfers of finished runs through Redis. A transfer is a list: a header, then the files of the run in pieces.
 * Workers fetch the runs that their cells require, and the sweep fetches every run into its store.
 */
import { closeSync, readSync, openSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { FailureError } from '../../../core/errors.js';
import { cellId, parseCell, type Cell } from '../../../core/run.js';
import { dropIncoming, incomingFolder, settle, type MergeOutcome } from '../../../store/merge.js';
import { asFileError, writeAll } from '../../../store/atomic.js';
import { checkFinished, FILES, FINISHED_FILES, folderOf, readCell } from '../../../store/runs.js';
import { isThere, openRegular } from '../../../store/regular.js';
import { PREFIX } from './redis.js';

/** Bytes of one piece of a file. */
const PIECE = 4 * 2 ** 20;
/** Seconds after which a transfer that was not collected is dropped: 30 days. */
const KEPT_SECONDS = 30 * 86_400;
/** Files of a run that travel, in this order: the mark that it is finished comes last. */
const CARRIED: readonly string[] = [...FINISHED_FILES, FILES.done];

interface Header {
  readonly cell: Cell;
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
}

/** Seconds for which what a worker was sending is kept when it was killed. */
const HALF_SECONDS = 3600;

/** Whether a key is that of a transfer which a worker is sending, or was sending when it was killed. */
export function isHalf(key: string): boolean {
  return /:[0-9a-f]+:[^:]*-\d+$/.test(key);
}

/** Key of the transfer of one cell's run; `*` for the id is a pattern of all of a queue. */
export function transferKey(queue: string, id: string): string {
  return `${PREFIX}-transfers:${queue}:${id}`;
}

/**
 * Sends a finished run of the store `out`; false where one of that cell is there already, which stays: it may be on its
 * way into a store, and another worker's may have other figures. It is written under a temporary key and renamed, so
 * that it is either absent or complete. Throws DamagedError when a file is not what the run wrote.
 */
export async function sendTransfer(redis: Redis, queue: string, out: string, cell: Cell): Promise<boolean> {
  const folder = folderOf(out, cell);
  checkFinished(folder, { arrays: true });
  const sizes: { name: string; bytes: number }[] = [];
  const key = transferKey(queue, cellId(cell));
  const making = `${key}:${hostname()}-${process.pid}`;
  await redis.del(making);
  const pieces: Buffer[] = [];
  let pending = 0;
  const flush = async (): Promise<void> => {
    // in one go: of a worker that is killed here nothing stays for longer
    if (pieces.length > 0)
      checkAnswers(
        await redis
          .pipeline()
          .rpush(making, ...pieces)
          .expire(making, HALF_SECONDS)
          .exec(),
      );
    pieces.length = 0;
    pending = 0;
  };
  for (const name of CARRIED.filter((file) => isThere(join(folder, file)))) {
    let bytes = 0;
    for (const piece of piecesOf(join(folder, name))) {
      pieces.push(piece);
      bytes += piece.length;
      pending += piece.length;
      if (pending >= PIECE) await flush();
    }
    sizes.push({ name, bytes });
  }
  await flush();
  // the header goes in front, now that the sizes are known
  const answers = await redis
    .multi()
    .lpush(making, Buffer.from(JSON.stringify({ cell: readCell(folder), files: sizes } satisfies Header)))
    .renamenx(making, key)
    .expire(key, KEPT_SECONDS)
    .exec();
  checkAnswers(answers);
  const sent = answers![1]![1] === 1;
  if (!sent) await redis.del(making);
  return sent;
}

/** Throws the first error of several commands that were sent together. */
function checkAnswers(answers: readonly (readonly [Error | null, unknown])[] | null): void {
  const failed = answers!.find(([error]) => error !== null);
  if (failed !== undefined) throw failed[0]!;
}

function* piecesOf(path: string): Generator<Buffer> {
  const file = openRegular(path, { links: false });
  try {
    for (;;) {
      const piece = Buffer.alloc(PIECE);
      const got = readSync(file, piece, 0, PIECE, null);
      if (got === 0) return;
      yield piece.subarray(0, got);
    }
  } finally {
    closeSync(file);
  }
}

/**
 * Fetches the run of `wanted` into the store `out`. Returns undefined when it was not sent. Throws FailureError when
 * what was sent is not that run, whole. Names of files come from a fixed list, never from the transfer.
 */
export async function fetchTransfer(
  redis: Redis,
  queue: string,
  out: string,
  wanted: Cell,
): Promise<MergeOutcome | undefined> {
  const id = cellId(wanted);
  const key = transferKey(queue, id);
  const head = await redis.lindexBuffer(key, 0);
  if (head === null) return undefined;
  const { cell, files } = parseHeader(head, id);
  const incoming = incomingFolder(out, id);
  try {
    await fetchFiles(redis, key, incoming.folder, files, id);
    checkFinished(incoming.folder, { arrays: true });
    if (cellId(readCell(incoming.folder)) !== id)
      throw new FailureError(`run ${id}: another run came through the queue`);
  } catch (error) {
    dropIncoming(incoming);
    throw error;
  }
  return settle(out, cell, incoming);
}

async function fetchFiles(
  redis: Redis,
  key: string,
  folder: string,
  files: Header['files'],
  id: string,
): Promise<void> {
  let next = 1;
  let rest: Buffer = Buffer.alloc(0);
  for (const { name, bytes } of files) {
    const path = join(folder, name);
    try {
      const file = openSync(path, 'wx');
      try {
        for (let left = bytes; left > 0;) {
          if (rest.length === 0) rest = (await redis.lindexBuffer(key, next++)) ?? Buffer.alloc(0);
          if (rest.length === 0) throw new FailureError(`run ${id}: what came through the queue is cut off`);
          const part = rest.subarray(0, left);
          writeAll(file, part);
          rest = rest.subarray(part.length);
          left -= part.length;
        }
      } finally {
        closeSync(file);
      }
    } catch (error) {
      throw asFileError(error, path);
    }
  }
}

function parseHeader(bytes: Buffer, id: string): Header {
  let header: Partial<Header>;
  try {
    header = JSON.parse(bytes.toString()) as Partial<Header>;
  } catch {
    throw new FailureError(`run ${id}: what came through the queue has no header`);
  }
  const cell = parseCell(header.cell);
  const known = (entry: Header['files'][number]): boolean =>
    CARRIED.includes(entry?.name) && Number.isSafeInteger(entry.bytes) && entry.bytes >= 0;
  if (
    cellId(cell) !== id ||
    !Array.isArray(header.files) ||
    header.files.length > CARRIED.length ||
    !(header.files as Header['files']).every(known)
  )
    throw new FailureError(`run ${id}: another run came through the queue`);
  return { cell, files: header.files as Header['files'] };
}
