/** The connection to Redis. Its address may hold a password, which is never printed. */
import { Redis } from 'ioredis';
import { FailureError, messageOf } from '../../../core/errors.js';
import { parseQueueUrl, withoutPasswords } from '../../address.js';

/** What every key of this program in Redis begins with. */
export const PREFIX = 'gowide';

/**
 * Connects. Throws FailureError when there is no server, or it refuses; a connection that is lost later is made again
 * for as long as it takes, and `notice` says so once.
 */
export async function connect(text: string, notice: (line: string) => void): Promise<Redis> {
  const url = parseQueueUrl(text);
  const where = withoutPasswords(text);
  let met = false;
  const client = new Redis(url.href, {
    lazyConnect: true,
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
    await client.connect();
    await client.ping();
  } catch (error) {
    client.disconnect();
    throw new FailureError(
      `cannot use ${where}: ${withoutPasswords(reason || messageOf(error))}; is a Redis server running there, and is the password right?`,
    );
  }
  met = true;
  return client;
}
