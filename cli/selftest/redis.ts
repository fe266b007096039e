/** Sweeps over a real Redis, whose workers and which itself are killed. */
import { spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FailureError } from '../../src/core/errors.js';
import { connect } from '../../src/sweep/backends/bullmq/redis.js';
import { isHalf } from '../../src/sweep/backends/bullmq/transfer.js';
import { cacheFolder } from '../../src/toolchain/cache.js';
import { Children, isAlive } from './children.js';
import {
  chances,
  equal,
  gowide,
  isOneLine,
  OFTEN,
  Running,
  scaled,
  tablesOf,
  type Check,
  type Measured,
  type Place,
} from './check.js';

const PASSWORD = 'keep-this-secret-4711';

/** redis-server is redis-check-rdb under another name. */
const UNPACK =
  'apt-get download -q redis-tools libjemalloc2 liblzf1 liblua5.1-0 lua-cjson lua-bitop libhiredis0.14 libatomic1 ' +
  'libsystemd0 libssl3 2>&1 && for f in *.deb; do dpkg -x "$f" .; done && rm -f *.deb';

/**
 * redis-server from the PATH, else from Debian's package, unpacked into the cache without installing it; undefined with
 * the reason where neither can be had.
 */
export function findRedis():
  | { readonly command: string; readonly env: NodeJS.ProcessEnv }
  | { readonly missing: string } {
  if (spawnSync('redis-server', ['--version'], { timeout: 20_000, killSignal: 'SIGKILL' }).status === 0)
    return { command: 'redis-server', env: {} };
  const folder = join(cacheFolder(), 'redis');
  const command = join(folder, 'usr', 'bin', 'redis-check-rdb');
  const libraries = join(folder, 'usr', 'lib', `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`);
  const env = { LD_LIBRARY_PATH: libraries };
  if (!existsSync(command)) {
    mkdirSync(cacheFolder(), { recursive: true });
    const making = mkdtempSync(join(cacheFolder(), 'redis-'));
    try {
      const { status, stdout } = spawnSync('sh', ['-c', UNPACK], {
        cwd: making,
        encoding: 'utf8',
        timeout: 120_000,
        killSignal: 'SIGKILL',
      });
      if (status !== 0)
        return {
          missing:
            `no redis-server on the PATH, and Debian's package cannot be fetched ` +
            `(${(stdout ?? '').trim().split('\n').at(-1) ?? ''})`,
        };
      renameSync(making, folder);
    } catch (error) {
      if (!existsSync(command)) throw error; // else another process was faster
    } finally {
      rmSync(making, { recursive: true, force: true });
    }
  }
  return { command, env };
}

/** A Redis at work on a free port. */
export class RedisServer {
  private process: ChildProcess | undefined;
  private constructor(
    private readonly folder: string,
    private readonly port: number,
    private readonly found: { readonly command: string; readonly env: NodeJS.ProcessEnv },
    private readonly children: Children,
  ) {}

  /**
   * A server with a password and an append-only file, which ends with `children` or with this process. Throws
   * FailureError when it does not start.
   */
  static async start(
    folder: string,
    found: { readonly command: string; readonly env: NodeJS.ProcessEnv },
    children = new Children(),
  ): Promise<RedisServer> {
    mkdirSync(folder, { recursive: true });
    const listener = createServer().listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as { port: number };
    await new Promise((resolve) => listener.close(resolve));
    const server = new RedisServer(folder, port, found, children);
    await server.again();
    return server;
  }

  get url(): string {
    return `redis://:${PASSWORD}@127.0.0.1:${this.port}`;
  }

  /** Starts it, for the first time or after {@link kill}. */
  async again(): Promise<void> {
    const { command, env } = this.found;
    const settings = [
      '--port',
      String(this.port),
      '--bind',
      '127.0.0.1',
      '--requirepass',
      PASSWORD,
      '--dir',
      this.folder,
      '--appendonly',
      'yes',
      '--appendfsync',
      'always',
      '--save',
      '',
    ];
    this.process = this.children.start(command, settings, {
      argv0: 'redis-server',
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process.stdout?.resume();
    for (let attempt = 0; ; attempt++) {
      try {
        (await connect(this.url, () => {})).disconnect();
        return;
      } catch (error) {
        if (attempt > 100 || this.process.exitCode !== null)
          throw new FailureError(`redis-server does not start: ${(error as Error).message}`);
        await sleep(100);
      }
    }
  }

  /** Stops it without a word to anybody, or lets it go on: a server that hangs. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.process?.kill(signal);
  }

  /** Kills it, if it is there, and waits until it is gone. */
  async kill(): Promise<void> {
    if (this.process === undefined || !isAlive(this.process)) return;
    const gone = once(this.process, 'close');
    this.process.kill('SIGKILL');
    await gone;
  }
}

/**
 * What is swept, and the cells that are stored between two kills of Redis: 27 cells, or 5 for a shorter check, of a few
 * kills, which together take a tenth of the time.
 */
const SWEPT = {
  whole: { studies: ['tanh-saddle', 'generic', 'residual'], seeds: 3, between: 3 },
  short: { studies: ['tanh-saddle', 'saddle', 'residual-depth'], seeds: 1, between: 1 },
} as const;

const sweptIn = ({ share }: Place): (typeof SWEPT)['whole' | 'short'] => SWEPT[share < 0.5 ? 'short' : 'whole'];

async function withRedis(place: Place, act: (server: RedisServer) => Promise<Measured>): Promise<Measured> {
  const found = findRedis();
  if ('missing' in found) return { pass: undefined, figure: `not run: ${found.missing}` };
  const server = await RedisServer.start(join(place.folder, 'redis'), found, place.children);
  try {
    return await act(server);
  } finally {
    await server.kill();
  }
}

const sweepOf = (place: Place, out: string): string[] => {
  const { studies, seeds } = sweptIn(place);
  return ['sweep', ...studies, '--seeds', String(seeds), '--out', out];
};
const workerOf = (place: Place, server: RedisServer, k: number): Running =>
  new Running(
    place,
    ['worker', '--queue', server.url, '--out', join(place.folder, `worker-${k}`), '--jobs', '1', '--lock', '2'],
    OFTEN,
  );

/** Passwords in anything that was written or said. */
function leaks(folder: string, said: readonly string[]): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && !entry.parentPath.includes('redis'),
  );
  return (
    files.filter((entry) => readFileSync(join(entry.parentPath, entry.name)).includes(PASSWORD)).length +
    said.filter((text) => text.includes(PASSWORD)).length
  );
}

/** How often a sweep was disturbed before it was over, and how. */
interface Disturbed {
  readonly times: number;
  readonly what: string;
}

async function disturbedSweep(
  place: Place,
  disturb: (server: RedisServer, workers: Running[], sweep: Running, stored: () => number) => Promise<Disturbed>,
): Promise<Measured> {
  return withRedis(place, async (server) => {
    const undisturbed = join(place.folder, 'serial');
    gowide(place, [...sweepOf(place, undisturbed), '--jobs', '1'], { GOWIDE_QUEUE: undefined });
    const workers = [0, 1, 2].map((k) => workerOf(place, server, k));
    const out = join(place.folder, 'swept');
    const sweep = new Running(place, [...sweepOf(place, out), '--queue', server.url]);
    const all: Running[] = [sweep, ...workers];
    const { times, what } = await disturb(server, workers, sweep, () => tablesOf(out).runs);
    const { status, stderr } = await sweep.ended;
    workers.forEach((worker) => worker.kill('SIGTERM'));
    const ended = await Promise.all(workers.map(({ ended: end }) => end));
    const same = equal(out, undisturbed);
    const said = [...all, ...workers].flatMap((one) => [one.stderr, one.stdout]);
    const leaked = leaks(place.folder, said);
    const redis = await connect(server.url, () => {});
    const left: string[] = [];
    // what a worker that was killed had sent a part of goes by itself
    for (const key of await redis.keys('gowide-transfers:*'))
      if (!isHalf(key) || (await redis.ttl(key)) < 0) left.push(key);
    redis.disconnect();
    return {
      pass:
        times > 0 &&
        status === 0 &&
        same &&
        leaked === 0 &&
        left.length === 0 &&
        isOneLine(stderr) &&
        ended.every(({ stderr: text }) => isOneLine(text)),
      figure:
        `${what}: status ${status}${status === 0 ? '' : ` ${stderr}`}; ${tablesOf(out).runs} cells, tables ` +
        `${same ? 'equal' : 'differ'}; left in Redis: ${left.length}${left.length === 0 ? '' : ` (${left[0]!})`}; ` +
        `the password in files or output: ${leaked}`,
    };
  });
}

async function workersKilled(place: Place): Promise<Measured> {
  const wanted = scaled(10, place);
  const chance = chances('workers');
  return disturbedSweep(place, async (server, workers, sweep, stored) => {
    let kills = 0;
    let over = false;
    void sweep.ended.then(() => (over = true));
    // the first comes when cells are at work, on a fast machine as on a busy one
    while (!over && stored() === 0) await Promise.race([sweep.ended, sleep(100)]);
    while (kills < wanted && !over) {
      if (kills > 0) await Promise.race([sweep.ended, sleep(1000 + 2000 * chance())]);
      if (over) break;
      const k = Math.floor(chance() * workers.length);
      workers[k]!.kill('SIGKILL');
      workers[k] = workerOf(place, server, k);
      kills++;
    }
    return { times: kills, what: `3 workers, ${kills} kill -9 of them` };
  });
}

async function redisKilled(place: Place): Promise<Measured> {
  const wanted = scaled(5, place);
  const { between } = sweptIn(place);
  return disturbedSweep(place, async (server, _, sweep, stored) => {
    let kills = 0;
    let over = false;
    void sweep.ended.then(() => (over = true));
    for (let before = 0; kills < wanted && !over; await Promise.race([sweep.ended, sleep(100)])) {
      if (stored() < before + between) continue;
      await server.kill();
      await sleep(1000);
      await server.again();
      kills++;
      before = stored();
    }
    return { times: kills, what: `Redis killed and started again ${kills} times` };
  });
}

/** Seconds for which something stands still: more than a worker may hold a cell without a word (`--lock 2`). */
const STANDSTILL = 6;

async function stopped(place: Place): Promise<Measured> {
  const wanted = scaled(6, place);
  const chance = chances('standstill');
  // the whole sweep, so that workers hold cells whenever they are stopped
  return disturbedSweep({ ...place, share: 1 }, async (server, workers, sweep, stored) => {
    const counts = { workers: 0, Redis: 0 };
    let over = false;
    void sweep.ended.then(() => (over = true));
    for (let k = 0; k < wanted; k++) {
      for (const before = stored(); !over && stored() < before + 1;) await Promise.race([sweep.ended, sleep(100)]);
      if (over) break;
      if (k % 2 === 0) {
        // a whole worker with its processes, while it is at work
        const worker = workers[Math.floor(chance() * workers.length)]!;
        const pids = worker.pids();
        pids.forEach((pid) => worker.kill('SIGSTOP', pid));
        await sleep(1000 * STANDSTILL);
        pids.forEach((pid) => worker.kill('SIGCONT', pid));
        counts.workers++;
      } else {
        server.signal('SIGSTOP');
        await sleep(1000 * STANDSTILL);
        server.signal('SIGCONT');
        counts.Redis++;
      }
    }
    return {
      times: counts.workers + counts.Redis,
      what: `workers stopped for ${STANDSTILL} s ${counts.workers} times, Redis ${counts.Redis} times`,
    };
  });
}

/** The checks of a queue whose workers or server are killed or stand still. */
export const REDIS: readonly Check[] = [
  { id: 'queue-kill', what: 'workers of a queue killed: nothing lost, nothing doubled', run: workersKilled },
  { id: 'standstill', what: 'workers, or Redis, stopped (SIGSTOP) and let go on', run: stopped },
  { id: 'redis-kill', what: 'Redis killed and restarted in mid-sweep', run: redisKilled },
];
