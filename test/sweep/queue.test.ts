/** Sweeps over a real Redis, which the test starts. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { RUNNERS as ALL } from '../../experiments/runners.js';
import { tablesOf } from '../../cli/selftest/check.js';
import { findRedis, RedisServer } from '../../cli/selftest/redis.js';
import { DivergedError, FailureError } from '../../src/core/errors.js';
import { cellId, type Cell } from '../../src/core/run.js';
import { fetchTransfer, transferKey, sendTransfer } from '../../src/sweep/backends/bullmq/transfer.js';
import { folderOf, isFinished } from '../../src/store/runs.js';
import { jobOfCell, wantedKey } from '../../src/sweep/backends/bullmq/queue.js';
import { runPool, type PoolOptions } from '../../src/sweep/backends/pool.js';
import { workOf } from '../../src/sweep/work.js';
import { queueStatus } from '../../src/sweep/backends/bullmq/control.js';
import { runQueue } from '../../src/sweep/backends/bullmq/sweep.js';
import { connect, PREFIX } from '../../src/sweep/backends/bullmq/redis.js';
import { serveQueue } from '../../src/sweep/backends/bullmq/worker.js';
import { cellOf, newFolder, RUNNERS, WORKER } from './cells.js';

/** Waits for something that has no event of its own. */
async function until(holds: () => boolean): Promise<void> {
  for (const from = performance.now(); !holds(); await sleep(20))
    if (performance.now() - from > 60_000) throw new Error('waited a minute in vain');
}

test('a server that is not there is named, without its password', async () => {
  await expect(connect('redis://:geheim@127.0.0.1:1', () => {})).rejects.toThrow(
    /cannot use redis:\/\/\*\*\*@127.0.0.1:1: .*ECONNREFUSED/,
  );
});

const found = findRedis();
const missing = 'missing' in found ? found.missing : undefined;

describe.skipIf(missing !== undefined)(`over Redis${missing === undefined ? '' : ` (${missing})`}`, () => {
  let server: RedisServer;
  let place: { url: string; name: string };
  let number = 0;
  beforeAll(async () => {
    if (!('missing' in found)) server = await RedisServer.start(join(newFolder(), 'redis'), found);
  });
  afterAll(() => server?.kill());
  beforeEach(() => {
    place = { url: server.url, name: `test-${number++}` };
  });

  test('a database that the server does not have is named, and not replaced by database 0', async () => {
    await expect(connect(`${server.url}/99`, () => {})).rejects.toThrow(/cannot use .*\/99: .*out of range/);
    (await connect(`${server.url}/1`, () => {})).disconnect();
  });

  const cells = [1, 2, 3].flatMap((seed) => ['direct', 'kd', 'wide'].map((arm) => cellOf(arm, seed)));
  const workersOf = (out: string, jobs = 1): PoolOptions => ({
    out,
    tensors: Promise.resolve({ engine: { name: 'wasm', why: 'test' }, devices: [] }),
    jobs,
    command: 'test',
    runners: RUNNERS,
    worker: WORKER,
    signal: new AbortController().signal,
    notice: () => {},
    progress: () => {},
  });
  const sweep = (
    out: string,
    list: readonly Cell[] = cells,
    notice: (line: string) => void = () => {},
  ): Promise<void> =>
    runQueue(workOf(out, list, RUNNERS, notice), {
      ...place,
      out,
      signal: new AbortController().signal,
      notice,
      progress: () => {},
    });
  const worker = (
    out = newFolder(),
    notice: (line: string) => void = () => {},
  ): { stop: () => Promise<{ finished: number; failed: number }> } => {
    const controller = new AbortController();
    const ended = serveQueue({
      ...workersOf(out),
      ...place,
      signal: controller.signal,
      notice,
      progress: () => {},
      lockSeconds: 3,
    });
    return {
      stop: () => {
        controller.abort();
        return ended;
      },
    };
  };

  test('three workers make what one machine makes; nothing stays in Redis', async () => {
    const [out, serial] = [newFolder(), newFolder()];
    const workers = [worker(), worker(), worker()];
    await sweep(out);
    const counts = await Promise.all(workers.map(({ stop }) => stop()));
    await runPool(
      workOf(serial, cells, RUNNERS, () => {}),
      workersOf(serial),
    );
    expect(tablesOf(out)).toEqual(tablesOf(serial));
    expect(tablesOf(out).runs).toBe(cells.length);
    expect(counts.reduce((sum, { finished }) => sum + finished, 0)).toBe(cells.length);
    expect(await queueStatus(place)).toMatchObject({
      counts: { waiting: 0, delayed: 0, transfers: 0 },
      active: [],
      failed: [],
    });
  });

  test('a cell that fails again and again is set aside and named, with those that need it; all others are done', async () => {
    const out = newFolder();
    const list = [cellOf('direct', 1), { ...cellOf('direct', 2), kind: 'theory', spec: { study: 'nothing' } }];
    const runners = { ...RUNNERS, theory: { ...ALL.theory!, cost: () => 1, check: () => {} } };
    const notices: string[] = [];
    const hand = worker(newFolder(), (line) => notices.push(line));
    const work = workOf(out, list, runners, () => {});
    await expect(
      runQueue(work, { ...place, out, signal: new AbortController().signal, notice: () => {}, progress: () => {} }),
    ).rejects.toThrow(/1 cell failed at every attempt and is set aside: small direct, seed 2 \(.*kind "theory"/);
    await hand.stop();
    expect(tablesOf(out).runs).toBe(2);
    const { failed } = await queueStatus(place);
    expect(failed).toMatchObject([{ cell: 'small direct, seed 2' }]);
    expect(notices.join('\n')).toMatch(/small direct, seed 2: no runner/);
    expect(notices.join('\n')).not.toContain('tried again');
  });

  test('a cell that diverges is not tried again, and holds up no other: it is named when all of them are finished', async () => {
    const out = newFolder();
    const lost = [cellOf('wide', 1, { diverges: true }), cellOf('thin', 1, { wide: { diverges: true } })];
    const others = [cellOf('wide', 2), cellOf('thin', 2)];
    const notices: string[] = [];
    const hand = worker(newFolder(), (line) => notices.push(line));
    const said: string[] = [];
    const swept = sweep(out, [...lost, ...others], (line) => said.push(line));
    await expect(swept).rejects.toBeInstanceOf(DivergedError);
    await expect(swept).rejects.toThrow(
      /^1 run diverged \(not begun, as they need one: 1\), the others are finished; the first: small wide, seed 1: sum is NaN/,
    );
    await hand.stop();
    expect(others.map((cell) => isFinished(out, cell))).toEqual([true, true]);
    expect(said).toEqual([expect.stringMatching(/^the run diverged: small wide, seed 1: sum is NaN/)]);
    expect(notices).toEqual([expect.stringMatching(/^the run diverged: small wide, seed 1: sum is NaN.* helps$/)]);
    expect((await queueStatus(place)).failed).toMatchObject([{ cell: 'small wide, seed 1', attempts: 1 }]);
  });

  test('a sweep that was stopped is collected by the next one', async () => {
    const out = newFolder();
    const controller = new AbortController();
    const list = cells.filter(({ arm }) => arm === 'wide');
    const stopped = expect(
      runQueue(
        workOf(out, list, RUNNERS, () => {}),
        { ...place, out, signal: controller.signal, notice: () => {}, progress: () => {} },
      ),
    ).rejects.toThrow(/stopped; workers go on/);
    while ((await queueStatus(place)).counts.waiting < list.length) await sleep(20);
    controller.abort();
    await stopped;
    const hand = worker();
    while ((await queueStatus(place)).counts.transfers < list.length) await sleep(200);
    await hand.stop();
    await sweep(out, list);
    expect(tablesOf(out).runs).toBe(list.length);
  });

  test('what comes through the queue damaged, or as another run, is refused; a path in it leads nowhere', async () => {
    const [out, target] = [newFolder(), newFolder()];
    const [one, two] = [cellOf('wide', 1), cellOf('wide', 2)];
    await runPool(
      workOf(out, [one], RUNNERS, () => {}),
      workersOf(out),
    );
    const redis = await connect(server.url, () => {});
    const key = transferKey(place.name, cellId(one));
    await sendTransfer(redis, place.name, out, one);
    expect(await fetchTransfer(redis, place.name, target, two)).toBeUndefined();
    await redis.copy(key, transferKey(place.name, cellId(two)));
    await expect(fetchTransfer(redis, place.name, target, two)).rejects.toThrow(/another run came through the queue/);
    const head = JSON.parse((await redis.lindex(key, 0))!) as { files: { name: string; bytes: number }[] };
    const piece = (await redis.lindexBuffer(key, 2))!;
    const bad = async (change: () => Promise<unknown>): Promise<void> => {
      await redis.del(key);
      await sendTransfer(redis, place.name, out, one);
      await change();
      await expect(fetchTransfer(redis, place.name, target, one)).rejects.toThrow(FailureError);
    };
    await bad(() => redis.lset(key, 0, JSON.stringify({ ...head, files: [{ name: '../../escaped', bytes: 3 }] })));
    await bad(() =>
      redis.lset(key, 0, JSON.stringify({ ...head, files: head.files.map((file) => ({ ...file, bytes: 2 ** 40 })) })),
    );
    await bad(() => redis.lset(key, 2, Buffer.from(piece.map((byte, k) => (k === 40 ? byte ^ 1 : byte)))));
    await bad(() => redis.ltrim(key, 0, 2));
    expect(existsSync(join(target, 'escaped'))).toBe(false);
    expect(tablesOf(target).runs).toBe(0);
    await redis.del(key);
    await sendTransfer(redis, place.name, out, one);
    expect(await fetchTransfer(redis, place.name, target, one)).toBe('added');
    expect(await fetchTransfer(redis, place.name, target, one)).toBe('present');
    expect(readdirSync(join(target, 'runs')).filter((name) => !name.startsWith('.'))).toHaveLength(1);
    redis.disconnect();
  });

  test('of two workers that finish a cell the second sends nothing in the place of the first one’s run, and says so', async () => {
    const cell = cellOf('wide', 1);
    const [first, second, target] = [newFolder(), newFolder(), newFolder()];
    for (const out of [first, second])
      await runPool(
        workOf(out, [cell], RUNNERS, () => {}),
        workersOf(out),
      );
    const redis = await connect(server.url, () => {});
    expect(await sendTransfer(redis, place.name, first, cell)).toBe(true);
    await redis.sadd(wantedKey(place.name), cellId(cell));
    const queue = new Queue(place.name, { connection: redis, prefix: PREFIX });
    await queue.add('cell', { cell, required: [] }, { jobId: jobOfCell(cellId(cell)), removeOnComplete: true });
    const lines: string[] = [];
    const hand = worker(second, (line) => lines.push(line));
    await until(() => lines.length > 0);
    await hand.stop();
    expect(lines).toEqual([
      'small wide, seed 1: its run is in the queue already; that one is kept, and this one is not sent',
    ]);
    expect(await fetchTransfer(redis, place.name, target, cell)).toBe('added');
    const done = (out: string): string => readFileSync(join(folderOf(out, cell), 'DONE'), 'utf8');
    expect(done(target)).toBe(done(first));
    expect(await redis.keys(`${transferKey(place.name, cellId(cell))}:*`)).toEqual([]);
    await queue.close();
    redis.disconnect();
  });

  test('a worker from which the queue has taken its cell stops it, by name, and its state is saved', async () => {
    const cell = cellOf('wide', 1, { milliseconds: 30_000 });
    const journal = join(newFolder(), 'journal');
    process.env.GOWIDE_JOURNAL = journal;
    const lines: string[] = [];
    const out = newFolder();
    const hand = worker(out, (line) => lines.push(line));
    const redis = await connect(server.url, () => {});
    const queue = new Queue(place.name, { connection: redis, prefix: PREFIX });
    const [id, events] = [
      jobOfCell(cellId(cell)),
      (): string => (existsSync(journal) ? readFileSync(journal, 'utf8') : ''),
    ];
    try {
      await queue.add('cell', { cell, required: [] }, { jobId: id });
      await until(() => events().includes('begin'));
      await redis.set(`${PREFIX}:${place.name}:${id}:lock`, 'another worker');
      await until(() => lines.length > 0);
      expect(lines).toEqual([
        'small wide, seed 1: the queue has not heard of this worker for 3 s and gives the cell to any; ' +
          'it stops here, its state is saved',
      ]);
      expect(events()).not.toContain('end');
      expect(await hand.stop()).toEqual({ finished: 0, failed: 0 });
      expect(await redis.get(`${PREFIX}:${place.name}:${id}:lock`)).toBe('another worker');
      expect((await queueStatus(place)).active).toHaveLength(1); // as the other has it
    } finally {
      delete process.env.GOWIDE_JOURNAL;
      await hand.stop();
      await queue.close();
      redis.disconnect();
    }
  });

  test('a cell that a stopped worker could not save is said to be unsaved, and is given back', async () => {
    const cell = cellOf('wide', 1, { block: 60_000 });
    const journal = join(newFolder(), 'journal');
    process.env.GOWIDE_JOURNAL = journal;
    process.env.GOWIDE_GRACE_SECONDS = '1';
    const lines: string[] = [];
    const hand = worker(newFolder(), (line) => lines.push(line));
    const redis = await connect(server.url, () => {});
    const queue = new Queue(place.name, { connection: redis, prefix: PREFIX });
    try {
      await queue.add('cell', { cell, required: [] }, { jobId: jobOfCell(cellId(cell)) });
      await until(() => existsSync(journal));
      expect(await hand.stop()).toEqual({ finished: 0, failed: 0 });
      const [how, after] = ['its process ended with SIGKILL before its run was saved', 'it is given back'];
      expect(lines).toEqual([`small wide, seed 1: ${how}; ${after}`]);
      expect(await queueStatus(place)).toMatchObject({ counts: { waiting: 1 }, active: [] });
    } finally {
      delete process.env.GOWIDE_JOURNAL;
      delete process.env.GOWIDE_GRACE_SECONDS;
      await hand.stop();
      await queue.close();
      redis.disconnect();
    }
  });

  test('a cell whose hash has no letter in it is a cell like others', async () => {
    const seeds = Array.from({ length: 5000 }, (_, seed) => cellOf('wide', seed)).filter((cell) =>
      /^\d+$/.test(cellId(cell)),
    );
    expect(seeds.length).toBeGreaterThan(0);
    const out = newFolder();
    const hand = worker();
    await sweep(out, seeds.slice(0, 2));
    await hand.stop();
    expect(tablesOf(out).runs).toBe(Math.min(2, seeds.length));
  });

  test('a job of another version is set aside at once', async () => {
    const redis = await connect(server.url, () => {});
    const queue = new Queue(place.name, { connection: redis, prefix: PREFIX });
    await queue.add('cell', { cell: cellOf('wide', 1), required: [] }, { jobId: 'abc', attempts: 3 });
    const hand = worker();
    while ((await queueStatus(place)).failed.length === 0) await sleep(100);
    const [failed] = (await queueStatus(place)).failed;
    expect(failed!.reason).toContain('another version');
    expect(failed!.attempts).toBe(1);
    await hand.stop();
    await queue.close();
    redis.disconnect();
  });
});
