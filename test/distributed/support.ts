/** WorkerMesh within the process of a test, connected as those of several machines are. */
import { randomInt } from 'node:crypto';
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Address } from '../../src/distributed/address.js';
import { joinWorkers, type Joining } from '../../src/distributed/join.js';
import type { WorkerMesh } from '../../src/distributed/mesh.js';
import { localAddresses } from '../../src/distributed/sockets.js';

/** Below the ports that a system gives to connections of its own choice, which may take one that was free just now. */
const PORTS = { from: 10_000, to: 30_000 };

/** A port of 127.0.0.1 that was free a moment ago, of a wide choice: other tests look for some at the same time. */
async function freePort(): Promise<number> {
  const port = randomInt(PORTS.from, PORTS.to);
  const server = createServer();
  const isFree = await new Promise<boolean>((done) => {
    server.once('error', () => done(false));
    server.listen(port, '127.0.0.1', () => done(true));
  });
  if (!isFree) return freePort();
  await new Promise((done) => server.close(done));
  return port;
}

/** Different ports of 127.0.0.1 that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}

/** Addresses of so many workers of this machine: of the loopback network, or socket files that go with the test. */
export async function newAddresses(count: number, files = false): Promise<Address[]> {
  if (!files) return (await freePorts(count)).map((port) => ({ host: '127.0.0.1', port }));
  const { folder, addresses } = localAddresses(count, 'gowide-mesh-');
  // where TMPDIR is too long for sockets, the folder is in /tmp, which nothing else cleans
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return [...addresses];
}

export const joining = (addresses: readonly Address[], task: number, changes: Partial<Joining> = {}): Joining => ({
  addresses,
  task,
  secret: 'secret',
  facts: { 'version of gowide': '1.0.0' },
  seconds: 5,
  notice: () => {},
  onStop: () => {},
  ...changes,
});

/** All workers of a run, by task. */
export async function newWorkers(
  count: number,
  changes: (task: number) => Partial<Joining> = () => ({}),
  files = false,
): Promise<WorkerMesh[]> {
  const addresses = await newAddresses(count, files);
  return Promise.all(addresses.map((_, task) => joinWorkers(joining(addresses, task, changes(task)))));
}
