/** Where the workers of a run are, and how each is named in messages. */
import { isIP } from 'node:net';
import { UsageError } from '../core/errors.js';
import { checkText } from '../core/registry.js';

/** Where a worker listens: a host and a port, or a socket file of this machine. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

/** An address as users write it: `10.0.0.1:4000`, `[::1]:4000`. */
export function addressText(address: Address): string {
  if ('path' in address) return 'this machine';
  return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
}

/** How a message names a worker: `worker 1 (10.0.0.2:4000)`. */
export function workerName(task: number, addresses: readonly Address[]): string {
  return `worker ${task} (${addressText(addresses[task]!)})`;
}

/** Throws UsageError for a task that none of the addresses is of. */
export function checkTask(task: number, addresses: readonly Address[]): void {
  if (!(task >= 0 && task < addresses.length))
    throw new UsageError(
      `--task ${task}: expected 0 to ${addresses.length - 1}, as there are ${addresses.length} workers`,
    );
}

/** Whether an address can be reached from this machine alone. */
export function isLocal(address: Address): boolean {
  if ('path' in address) return true;
  const { host } = address;
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/**
 * Throws UsageError where there is no secret although other machines can connect, whose processes would be taken for
 * workers.
 */
export function checkSecret(secret: string, addresses: readonly Address[]): void {
  if (secret === '' && !addresses.every(isLocal))
    throw new UsageError(
      'GOWIDE_WORKERS_SECRET is not set; expected a secret text, the same for all workers, where other machines can ' +
        'connect',
    );
}

/**
 * The addresses of `--workers`, in the order of tasks. Throws UsageError that names the first that is none, or that
 * stands there twice.
 */
export function parseAddresses(text: string): Address[] {
  checkText('parseAddresses', text);
  const parts = text.split(',').map((part) => part.trim());
  const addresses = parts.map(parseAddress);
  const twice = parts.find((part, i) => parts.indexOf(part) !== i);
  if (twice !== undefined)
    throw new UsageError(`--workers: ${twice} stands there twice; expected another port for each worker of a machine`);
  if (addresses.length < 2)
    throw new UsageError(`--workers ${text}: expected the addresses of at least two workers, host:port,host:port`);
  return addresses;
}

function parseAddress(text: string): Address {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]\s/]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || !(port >= 1 && port <= 65_535) || (bracketed !== undefined && isIP(bracketed) !== 6))
    throw new UsageError(`--workers: "${text}" is no address; expected host:port, with a port from 1 to 65535`);
  return { host, port };
}
