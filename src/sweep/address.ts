/** Addresses of Redis servers, which may hold a password. */
import { UsageError } from '../core/errors.js';

/** Any text with the passwords of addresses in it replaced; the form of an address, `[user:password@]`, stays. */
export function withoutPasswords(text: string): string {
  return text.replaceAll(/([a-z][a-z0-9+.-]*:\/\/)(?!\[user)\S*@/gi, '$1***@');
}

/** Reads the address of a Redis server. Throws UsageError, without the password, when it is none. */
export function parseQueueUrl(text: string): URL {
  const expected = 'expected redis://[user:password@]host[:port][/db], or rediss:// with TLS';
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new UsageError(`--queue ${withoutPasswords(text)}: ${expected}`);
  }
  if (!['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '')
    throw new UsageError(`--queue ${withoutPasswords(text)}: ${expected}`);
  return url;
}
