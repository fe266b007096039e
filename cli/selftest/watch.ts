/** Who can reach `gowide watch`, and what they get. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Running, type Check, type Measured, type Place } from './check.js';

/** Everything but GET; CONNECT and upgrades have no answer of this kind. */
const METHODS = ['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE'];

const MOMENTS = 2000;

function ask(port: number, path: string, host: string, method = 'GET'): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, method, headers: { host }, timeout: 10 * MOMENTS };
    request(options, (response) => {
      response.resume();
      resolve(response.statusCode!);
    })
      .on('error', reject)
      .end();
  });
}

/** Whether somebody listens at an address. */
function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: MOMENTS });
    const answer = (yes: boolean) => (): void => {
      socket.destroy();
      resolve(yes);
    };
    socket.on('connect', answer(true)).on('error', answer(false)).on('timeout', answer(false));
  });
}

/** Addresses under which this machine can be reached, but for the one that is meant. */
function otherAddresses(): string[] {
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const named = own.map(({ address, scopeid }) => (scopeid ? `${address}%${scopeid}` : address));
  // all of 127.0.0.0/8 is this machine's on Linux, which tells 127.0.0.1 from 0.0.0.0 without a network
  return [...new Set([...named, ...(process.platform === 'linux' ? ['127.0.0.2'] : []), '::1'])].filter(
    (address) => address !== '127.0.0.1',
  );
}

async function watched(place: Place): Promise<Measured> {
  const out = join(place.folder, 'watched');
  mkdirSync(join(out, 'runs'), { recursive: true });
  writeFileSync(join(out, 'secret.txt'), 'secret');
  const running = new Running(place, ['watch', out, '--port', '0']);
  let over = false;
  void running.ended.then(() => (over = true));
  while (!over && !/http:\S+/.test(running.stdout)) await Promise.race([running.ended, sleep(100)]);
  const port = Number(/http:\/\/127\.0\.0\.1:(\d+)/.exec(running.stdout)?.[1]);
  if (!(port > 0)) return { pass: false, figure: `says no address: ${running.stdout} ${running.stderr}` };
  const own = `127.0.0.1:${port}`;
  const page = await ask(port, '/', own);
  const refused = {
    'a foreign Host': await ask(port, '/', 'evil.example'),
    'a file beside it': await ask(port, '/secret.txt', own),
    'a path upwards': await ask(port, '/..%2f..%2fetc/passwd', own),
    ...Object.fromEntries(
      await Promise.all(METHODS.map(async (method) => [method, await ask(port, '/', own, method)] as const)),
    ),
  };
  const others = otherAddresses();
  const reached: string[] = [];
  for (const address of others) if (await listens(address, port)) reached.push(address);
  const still = await ask(port, '/', own);
  running.kill('SIGTERM');
  const { status } = await running.ended;
  const statuses = Object.values(refused);
  return {
    pass:
      page === 200 &&
      still === 200 &&
      statuses.every((answer) => answer >= 400 && answer < 500) &&
      reached.length === 0 &&
      others.length > 0,
    figure: `its page ${page}; ${Object.entries(refused)
      .map(([what, answer]) => `${what} ${answer}`)
      .join(
        ', ',
      )}; reached at ${reached.join(', ') || 'none'} of ${others.length} other addresses; ended with ${status}`,
  };
}

/** The check of whom, and what, the server of `gowide watch` answers. */
export const WATCH: Check = {
  id: 'watch',
  what: 'watch answers this machine alone, with its page alone, to GET alone',
  run: watched,
};
