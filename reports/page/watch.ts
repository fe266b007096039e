/** The page while runs go on: a server on this machine alone, which says when there is something new. */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { FailureError } from '../../src/core/errors.js';
import type { Row } from '../../src/core/run.js';
import { isThere, openRegular } from '../../src/store/regular.js';
import { FILES, indexRuns, readRun, runsFolder } from '../../src/store/runs.js';
import { buildReport, pageOf } from './report.js';
import { readRecords } from '../data/records.js';

/** An unfinished run and where it stands. */
export interface Underway {
  readonly run: string;
  readonly experiment: string;
  readonly arm: string;
  readonly seed: number;
  readonly status: string;
  /** Its last line of metrics, and the losses of its last steps. */
  readonly last: Row | null;
  readonly losses: readonly number[];
}

/** How far the runs below some folders are. */
export interface State {
  readonly finished: number;
  readonly underway: readonly Underway[];
}

/** Bytes at the end of the metrics that are looked at. */
const TAIL = 16_384;

function tailOf(path: string): Row[] {
  if (!isThere(path)) return [];
  const file = openRegular(path, { links: false }); // a pipe would stop the server for ever
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(TAIL, size));
    readSync(file, bytes, 0, bytes.length, size - bytes.length);
    const lines = bytes
      .toString()
      .split('\n')
      .slice(size > TAIL ? 1 : 0, -1); // the last one may be half written
    return lines.map((line) => JSON.parse(line) as Row);
  } finally {
    closeSync(file);
  }
}

/** Reads little: finished runs are counted by their mark. */
export function stateOf(folders: readonly string[]): State {
  let finished = 0;
  const underway: Underway[] = [];
  for (const out of folders) {
    for (const name of indexRuns(out).values()) {
      const folder = join(runsFolder(out), name);
      if (isThere(join(folder, FILES.done))) finished++;
      else if (isThere(join(folder, FILES.spec))) underway.push(...underwayOf(folder));
    }
  }
  return { finished, underway };
}

function underwayOf(folder: string): Underway[] {
  try {
    const { id, cell, status } = readRun(folder);
    const rows = tailOf(join(folder, FILES.metrics));
    const losses = rows.flatMap(({ loss }) => (typeof loss === 'number' ? [loss] : []));
    return [
      {
        run: id,
        experiment: cell.experiment,
        arm: cell.arm,
        seed: cell.seed,
        status,
        last: rows.at(-1) ?? null,
        losses,
      },
    ];
  } catch {
    return []; // the page names what cannot be read
  }
}

/** Where the page is served, and how often the folders are looked at. */
export interface WatchOptions {
  readonly port: number;
  /** Milliseconds between looks at the folders. */
  readonly every?: number;
  /** How many pages may listen at once; 100 by default. */
  readonly listeners?: number;
}

/** A server at work. */
export interface Watch {
  readonly url: string;
  readonly close: () => Promise<void>;
}

const HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'no-referrer',
} as const;

/** What browsers call this server; they leave port 80 out. */
export function namesOfHere(port: number): string[] {
  return ['127.0.0.1', 'localhost'].flatMap((host) => [`${host}:${port}`, ...(port === 80 ? [host] : [])]);
}

/** Bytes that a page which listens may leave unread before it is let go. */
const MOST_UNREAD = 2 ** 20;

class Site {
  /** The page as it was drawn last: bytes, which all that are asked for share. */
  private page: { readonly finished: number; readonly bytes: Promise<Buffer> } | undefined;
  private readonly listeners = new Set<ServerResponse>();
  private state: State;

  constructor(
    private readonly folders: readonly string[],
    private readonly mostListeners: number,
  ) {
    this.state = stateOf(folders);
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    const { port } = request.socket.address() as AddressInfo;
    // a name that leads here from elsewhere must not read the page
    if (!namesOfHere(port).includes(request.headers.host ?? ''))
      return refuse(response, 403, 'this server answers to 127.0.0.1 and localhost alone');
    if (request.method !== 'GET') return refuse(response, 405, 'only GET');
    if (request.url === '/events') return this.listen(response);
    if (request.url !== '/') return refuse(response, 404, 'nothing here but the page');
    this.draw().then(
      (bytes) => response.writeHead(200, { ...HEADERS, 'Content-Type': 'text/html; charset=utf-8' }).end(bytes),
      (error: unknown) => refuse(response, 500, error instanceof Error ? error.message : String(error)),
    );
  }

  private draw(): Promise<Buffer> {
    const { finished } = this.state;
    if (this.page?.finished === finished) return this.page.bytes;
    const drawn = Promise.resolve()
      .then(() => pageOf(buildReport(readRecords(this.folders)), true))
      .then((text) => Buffer.from(text));
    const page = { finished, bytes: drawn };
    this.page = page;
    // what cannot be read now, as where no descriptor is left, may be read when the page is asked for again
    drawn.catch(() => this.page === page && (this.page = undefined));
    return drawn;
  }

  private listen(response: ServerResponse): void {
    if (this.listeners.size >= this.mostListeners) return refuse(response, 503, 'too many pages are open');
    response.writeHead(200, { ...HEADERS, 'Content-Type': 'text/event-stream' });
    this.listeners.add(response);
    response.on('close', () => this.listeners.delete(response));
    send(response, 'runs', this.state);
  }

  look(): void {
    const before = this.state.finished;
    try {
      this.state = stateOf(this.folders);
    } catch {
      return; // a folder that cannot be read now, or no descriptor left: the next look may succeed
    }
    for (const listener of this.listeners) {
      send(listener, 'runs', this.state);
      if (this.state.finished !== before) send(listener, 'page', this.state.finished);
    }
  }

  close(): void {
    for (const listener of this.listeners) listener.end();
  }
}

/** A client that does not read what it is sent is let go, instead of being kept in memory. */
function send(response: ServerResponse, event: string, data: unknown): void {
  if (response.writableLength > MOST_UNREAD) return void response.destroy();
  response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

function refuse(response: ServerResponse, status: number, why: string): void {
  response.writeHead(status, { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8' }).end(`${why}\n`);
}

/** Serves the page of all runs below `folders` on 127.0.0.1. Throws FailureError when the port is taken. */
export async function watchRuns(
  folders: readonly string[],
  { port, every = 2000, listeners = 100 }: WatchOptions,
): Promise<Watch> {
  const site = new Site(folders, listeners);
  const server = createServer((request, response) => site.answer(request, response));
  server.maxConnections = 4 * listeners;
  await listening(server, port);
  server.on('error', () => {}); // of a connection that could not be taken
  const timer = setInterval(() => site.look(), every);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: async () => {
      clearInterval(timer);
      site.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        new FailureError(
          error.code === 'EADDRINUSE'
            ? `port ${port} is taken; choose another with --port`
            : `cannot listen on port ${port}: ${error.message}`,
        ),
      );
    });
    server.listen(port, '127.0.0.1', resolve);
  });
}
