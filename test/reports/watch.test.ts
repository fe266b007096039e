import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stateOf, watchRuns, type State, type Watch } from '../../reports/page/watch.js';
import { cellId, RUN_FORMAT, type Cell } from '../../src/core/run.js';
import { environment } from '../../src/store/environment.js';
import { executeRun } from '../../src/store/execute.js';
import { seal } from '../../src/store/seal.js';
import { THEORY_KIND, THEORY_RUNNER } from '../../theory/studies/index.js';

const out = mkdtempSync(join(tmpdir(), 'gowide-watch-'));
const spec = {
  study: 'saddle',
  g: 1,
  kappa: 4,
  time: 0.4,
  steps: 50,
  depths: [2, 4, 6],
  m: 1e12,
  draws: 5,
  particles: 64,
};
const cellOf = (seed: number): Cell => ({
  experiment: 'saddle',
  arm: 'B1',
  scale: 'minutes',
  kind: THEORY_KIND,
  spec,
  seed,
});

const run = async (seed: number): Promise<unknown> =>
  executeRun(cellOf(seed), {
    out,
    environment: environment(null, 'test'),
    executors: { [THEORY_KIND]: THEORY_RUNNER.execute },
    signal: new AbortController().signal,
    progress: () => {},
  });

const folderNameOf = (seed: number): string => `saddle.B1.s${seed}.${cellId(cellOf(seed))}`;

/** A run that another process has begun. */
function begin(seed: number, lines: string, store = out): void {
  const cell = cellOf(seed);
  const folder = join(store, 'runs', folderNameOf(seed));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'spec.json'), JSON.stringify(seal({ format: RUN_FORMAT, id: cellId(cell), ...cell })));
  writeFileSync(join(folder, 'metrics.jsonl'), lines);
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

const ask = (url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const request = get(url, { headers, method }, (response) => {
      let text = '';
      response.on('data', (part: Buffer) => (text += part.toString()));
      response.on('end', () => resolve({ status: response.statusCode!, text }));
    });
    request.on('error', reject);
  });

/** Events as they come, until `enough` says so. */
const listen = (url: string, enough: (events: readonly string[]) => boolean): Promise<string[]> =>
  new Promise((resolve, reject) => {
    const events: string[] = [];
    const request = get(url, (response) => {
      response.on('data', (part: Buffer) => {
        events.push(...part.toString().split('\n\n').filter(Boolean));
        if (!enough(events)) return;
        request.destroy();
        resolve(events);
      });
    });
    request.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? undefined : reject(error)));
  });

describe('watch', () => {
  let watch: Watch;
  beforeAll(async () => {
    await run(1);
    begin(
      2,
      '{"stage":"train","step":1,"totalStep":1,"loss":2}\n{"stage":"train","step":2,"totalStep":2,"loss":1.5}\n{"stage":"tr',
    );
    watch = await watchRuns([out], { port: 0, every: 50 });
  });
  afterAll(() => watch.close());

  test('tells finished runs and those under way, by their last whole line', () => {
    expect(stateOf([out])).toMatchObject({
      finished: 1,
      underway: [{ experiment: 'saddle', seed: 2, status: 'unfinished', losses: [2, 1.5], last: { step: 2 } }],
    });
    expect(stateOf([join(out, 'nowhere')])).toEqual({ finished: 0, underway: [] });
  });

  test('serves the page, which may ask this server and nobody else', async () => {
    const { status, text } = await ask(watch.url);
    expect(status).toBe(200);
    expect(text).toContain("connect-src 'self'");
    expect(text).toContain('id="live"');
  });

  test('serves nothing else, to nobody else', async () => {
    expect(await ask(watch.url, { host: 'example.org' })).toEqual({
      status: 403,
      text: 'this server answers to 127.0.0.1 and localhost alone\n',
    });
    expect((await ask(`${watch.url}..%2fruns`)).status).toBe(404);
    expect((await ask(`${watch.url}runs/`)).status).toBe(404);
    expect((await ask(watch.url, {}, 'POST')).status).toBe(405);
    expect(new URL(watch.url).hostname).toBe('127.0.0.1');
  });

  test('says when a run has ended, and the page has it then', async () => {
    const waiting = listen(`${watch.url}events`, (events) => events.some((event) => event.startsWith('event: page')));
    await run(3);
    const events = await waiting;
    const first = JSON.parse(events[0]!.slice(events[0]!.indexOf('data: ') + 6)) as State;
    expect(first.finished).toBe(1);
    expect(events.find((event) => event.startsWith('event: page'))).toContain('data: 2');
    expect((await ask(watch.url)).text).toContain('2 runs, scale minutes');
  });

  test('names a port that is taken', async () => {
    const port = Number(new URL(watch.url).port);
    await expect(watchRuns([out], { port })).rejects.toThrow(`port ${port} is taken; choose another with --port`);
  });
});

describe('watch goes on', () => {
  const store = (): string => mkdtempSync(join(tmpdir(), 'gowide-watched-'));
  const eventually = async (met: () => Promise<boolean> | boolean): Promise<void> => {
    while (!(await met())) await sleep(20);
  };

  test('when its folder vanishes, and when it is there again', async () => {
    const folder = store();
    const aside = `${folder}-aside`;
    begin(4, '{"step":1}\n', folder);
    const watch = await watchRuns([folder], { port: 0, every: 10 });
    const count = async (): Promise<number> => {
      const [event] = await listen(`${watch.url}events`, (events) => events.length > 0);
      return (JSON.parse(event!.slice(event!.indexOf('data: ') + 6)) as State).underway.length;
    };
    try {
      expect(await count()).toBe(1);
      renameSync(folder, aside);
      await eventually(async () => (await count()) === 0);
      expect((await ask(watch.url)).status).toBe(200);
      renameSync(aside, folder);
      await eventually(async () => (await count()) === 1);
    } finally {
      await watch.close();
      for (const one of [folder, aside]) rmSync(one, { recursive: true, force: true });
    }
  });

  test('when the page could not be drawn once, as where no descriptor is left: it is drawn when it can be', async () => {
    const folder = store();
    const runs = join(folder, 'runs');
    const watch = await watchRuns([folder], { port: 0, every: 10 });
    try {
      writeFileSync(runs, ''); // a file where the folder of the runs is expected
      expect((await ask(watch.url)).status).toBe(500);
      rmSync(runs);
      expect((await ask(watch.url)).status).toBe(200);
    } finally {
      await watch.close();
      rmSync(folder, { recursive: true });
    }
  });

  test('when many that listen never read: they are let go, and others are listened to', async () => {
    const folder = store();
    for (let seed = 1; seed <= 40; seed++)
      begin(seed, `${JSON.stringify({ step: 1, note: 'x'.repeat(15_000) })}\n`, folder);
    const watch = await watchRuns([folder], { port: 0, every: 5, listeners: 4 });
    const host = new URL(watch.url).host;
    const status = (): Promise<number> =>
      new Promise((resolve, reject) => {
        const request = get(`${watch.url}events`, (response) => {
          resolve(response.statusCode!);
          request.destroy();
        }).on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? undefined : reject(error)));
      });
    const deaf: Socket[] = [];
    try {
      for (let k = 0; k < 4; k++) {
        const socket = connect(Number(new URL(watch.url).port), '127.0.0.1', () => {
          socket.write(`GET /events HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
        });
        socket.on('error', () => {});
        deaf.push(socket);
      }
      await eventually(async () => (await status()) === 503);
      await eventually(async () => (await status()) === 200);
      expect((await ask(watch.url)).status).toBe(200);
    } finally {
      deaf.forEach((socket) => socket.destroy());
      await watch.close();
      rmSync(folder, { recursive: true });
    }
  });

  test.skipIf(process.platform === 'win32')('where the metrics of a run are a pipe: it is not waited for', () => {
    const folder = store();
    begin(5, '', folder);
    const metrics = join(folder, 'runs', folderNameOf(5), 'metrics.jsonl');
    rmSync(metrics);
    expect(spawnSync('mkfifo', [metrics], { timeout: 60_000, killSignal: 'SIGKILL' }).status).toBe(0);
    expect(stateOf([folder])).toEqual({ finished: 0, underway: [] });
    rmSync(folder, { recursive: true });
  });
});
