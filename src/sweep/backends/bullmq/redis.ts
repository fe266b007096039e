/** The connection to Redis. Its address may hold a password, which is never printed. */
import { Redis } from 'ioredis';
import { FailureError, messageOf } from '../../../core/errors.js';
import { parseQueueUrl, redacted, withoutPasswords } from '../../address.js';

/** What every key of this program in Redis begins with. */
export const PREFIX = 'gowide';

/** Seconds within which a server has to answer: one that is stopped accepts connections and says nothing. */
const ANSWER_SECONDS = 15;

/**
 * Connects. Throws FailureError when there is no server, it refuses, does not answer or cannot hold a queue; a
 * connection that is lost later is made again for as long as it takes, and `notice` says so once.
 */
export async function connect(
  text: string,
  notice: (line: string) => void,
  { seconds = ANSWER_SECONDS }: { readonly seconds?: number } = {},
): Promise<Redis> {
  const url = parseQueueUrl(text);
  const where = redacted(text);
  let met = false;
  const client = new Redis(url.href, {
    lazyConnect: true,
    connectTimeout: seconds * 1000,
    maxRetriesPerRequest: null,
    retryStrategy: (times) => (met ? Math.min(100 * times, 2000) : null),
  });
  let reason = '';
  let lost = false;
  client.on('error', (error) => (reason = messageOf(error)));
  client.on('close', () => {
    if (met && !lost && client.status !== 'end') notice(`the connection to ${where} is lost; trying again`);
    lost = true;
  });
  client.on('ready', () => {
    if (met && lost) notice(`connected to ${where} again`);
    lost = false;
  });
  try {
    await withinSeconds(seconds, where, async () => {
      await client.connect();
      await client.ping();
      // the client itself would go on in database 0
      if (/\d/.test(url.pathname)) await client.select(Number(url.pathname.slice(1)));
      checkServer(await client.info().catch(() => ''), where, notice);
    });
  } catch (error) {
    client.disconnect();
    if (error instanceof FailureError) throw error;
    throw new FailureError(
      `cannot use ${where}: ${withoutPasswords(reason || messageOf(error))}; is a Redis server running there, and ` +
        'are password and database right?',
    );
  }
  met = true;
  return client;
}

/** Waits for an answer of a server. Throws FailureError when there is none in time. */
export async function withinSeconds<T>(seconds: number, where: string, act: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new FailureError(
      `${where} does not answer within ${seconds} s; is that server stopped or overloaded?`,
    );
    timer = setTimeout(() => reject(error), seconds * 1000);
  });
  try {
    return await Promise.race([act(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Throws FailureError where a server cannot hold a queue, and warns of one that may forget cells. */
export function checkServer(info: string, where: string, notice: (line: string) => void): void {
  const value = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
  if (value('cluster_enabled') === '1')
    throw new FailureError(
      `${where} is in cluster mode, which spreads the keys of a queue over servers; use a Redis without cluster mode`,
    );
  const policy = value('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction' && value('maxmemory') !== '0')
    notice(`${where} may drop cells when its memory is full (maxmemory-policy ${policy}); have it set to noeviction`);
}

/** The error of a command to Redis; a full memory is named, with what to do. */
export function asRedisError(error: unknown, where: string): Error {
  const message = messageOf(error);
  if (/\bOOM\b/.test(message))
    return new FailureError(
      `${redacted(where)} is out of memory (maxmemory); give it more, or collect finished runs with the same ` +
        'command again',
    );
  return error instanceof Error ? error : new FailureError(message);
}
