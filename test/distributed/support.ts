/** WorkerMesh within the process of a test, connected as those of several machines are. */
import { createServer, type AddressInfo } from 'node:net';
import type { Address } from '../../src/distributed/address.js';
import { joinWorkers, type Joining } from '../../src/distributed/join.js';
import type { WorkerMesh } from '../../src/distributed/mesh.js';
import { localAddresses } from '../../src/distributed/sockets.js';

/** Ports of 127.0.0.1 that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

/** Addresses of so many workers of this machine: of the loopback network, or socket files. */
export async function newAddresses(count: number, files = false): Promise<Address[]> {
  if (!files) return (await freePorts(count)).map((port) => ({ host: '127.0.0.1', port }));
  return [...localAddresses(count, 'gowide-mesh-').addresses];
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
