/**
 * Addresses of Redis servers, which may hold a password: the one place that reads them and that takes passwords out of
 * texts. What cannot be told from a password is not shown.
 */
import { UsageError } from '../core/errors.js';
import { asFileError } from '../store/atomic.js';
import { readRegular } from '../store/regular.js';

/** What an address looks like; nothing in it is a secret. */
const FORM = 'redis://[user:password@]host[:port][/db]';
const EXPECTED = `expected ${FORM}, or rediss:// with TLS`;
/** A host, its port and the number of a database, which may be shown. */
const PLAIN = /^([\w.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?(\/\d*)?$/i;
const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i;

/**
 * An address as it may be shown, whatever is wrong with it: scheme, host, port and database, where these can be told;
 * `***` for all else.
 */
export function redacted(address: string): string {
  if (address.startsWith('@')) return address; // a file with an address
  const scheme = SCHEME.exec(address)?.[0] ?? '';
  const rest = address.slice(scheme.length).replaceAll(/%40/gi, '@');
  const at = rest.lastIndexOf('@');
  const place = rest.slice(at + 1);
  // after "?" anything may be a password, and an "@" in it is none of the address
  if (/[?#]/.test(rest.slice(0, at + 1))) return `${scheme}***`;
  const [server, ...more] = place.split(/[?#]/);
  const [host] = server!.split('/');
  const known = PLAIN.test(server!) ? server! : PLAIN.test(host!) ? `${host}/***` : '***';
  const shown = `${known}${more.length > 0 ? '?***' : ''}`;
  return `${scheme}${at < 0 ? '' : '***@'}${shown}`;
}

/** Addresses that this process was given on its command line or by its environment. */
function givenAddresses(): string[] {
  const { argv, env } = process;
  const flags = argv.flatMap((word, i) => {
    if (word === '--queue') return [argv[i + 1] ?? ''];
    return word.startsWith('--queue=') ? [word.slice('--queue='.length)] : [];
  });
  return [...flags, env.GOWIDE_QUEUE ?? ''].filter((address) => address !== '');
}

/** Takes an address out of what the system shows of this process to all users of the machine, as by `ps`. */
export function hideAddresses(): void {
  const words = process.argv.slice(2).join(' ');
  const shown = withoutPasswords(words);
  if (shown !== words) process.title = `gowide ${shown}`;
}

/** What of an address may be a secret, whole and in parts, in the forms in which it may stand in a text. */
function secretsOf(address: string): string[] {
  const rest = address.replace(SCHEME, '').replace(/^rediss?:\/?/i, '');
  const plain = rest.replaceAll(/%40/gi, '@').replaceAll(/%3a/gi, ':');
  const user = plain.slice(0, Math.max(0, plain.lastIndexOf('@')));
  const password = user.slice(user.indexOf(':') + 1);
  const query = [...plain.matchAll(/[?&#](?:[^=&]*=)?([^&#]*)/g)].map((match) => match[1]!);
  const parts = [password, ...query].flatMap((secret) => [secret, ...secret.split(/[:@/?#\s]+/)]);
  const forms = parts.flatMap((secret) => [secret, decoded(secret), encodeURIComponent(secret)]);
  // the longest first: a part of one may be another
  return forms.filter(({ length }) => length > 2).sort((x, y) => y.length - x.length);
}

/** A text without its percent escapes; as it is where one of them stands for no character. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Whether every "%" begins an escape that stands for a character. */
function canBeDecoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Any text without the passwords of addresses: those that this process was given, in all forms, and whatever looks like
 * an address. What is said to be expected of an address, with `[user:password@]`, stays.
 */
export function withoutPasswords(text: string): string {
  // a wrong address may be a part of what is said to be expected
  return [EXPECTED, FORM].reduceRight(
    (clean: (part: string) => string, safe) => (part) => part.split(safe).map(clean).join(safe),
    masked,
  )(text);
}

function masked(text: string): string {
  let clean = text;
  for (const address of givenAddresses()) {
    clean = clean.replaceAll(address, redacted(address));
    for (const secret of secretsOf(address)) clean = clean.replaceAll(secret, '***');
  }
  return clean.replaceAll(/[a-z][a-z0-9+.-]*:\/\/(?!\[user)[^\s"'<>]+/gi, (word) => {
    const [, address, end] = /^(.*?)([.,;:)\]]*)$/s.exec(word)!;
    if (/^rediss?:/i.test(address!)) return redacted(address!) + end!;
    // of other addresses a password stands before the host; an "@" further on is a part of a path, as of npm's packages
    return word.replace(/^([^:]*:\/\/)[^/?#]*(?:@|%40)/i, '$1***@');
  });
}

/**
 * The address that `--queue` or $GOWIDE_QUEUE names: itself, or after `@` a file whose first line has it. Throws
 * UsageError where the file cannot be read.
 */
export function queueAddress(given: string): string {
  if (!given.startsWith('@')) return given.trim();
  const file = given.slice(1);
  try {
    const [line] = readRegular(file, { links: true, limit: 65_536 }).toString().split('\n');
    const address = line!.trim();
    if (address === '') throw new UsageError(`its first line is empty; ${EXPECTED}`);
    parseQueueUrl(address, 'its first line');
    return address;
  } catch (error) {
    throw new UsageError(
      `--queue or $GOWIDE_QUEUE names a file for its address, "@${file}": ${asFileError(error, file).message}`,
    );
  }
}

/**
 * Reads the address of a Redis server, which `where` gives. Throws UsageError, without the password, when it is none.
 */
export function parseQueueUrl(text: string, where = '--queue'): URL {
  const refuse = (why: string): UsageError => new UsageError(`${where} ${redacted(text)}: ${why}`);
  if (Number(/:(\d+)(?:\/[^@]*)?$/.exec(text)?.[1]) > 65_535) throw refuse(`${EXPECTED}; a port is at most 65535`);
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw refuse(`${EXPECTED}; in a password, "/", "?", "#", "@" and ":" are written as %2F, %3F, %23, %40 and %3A`);
  }
  if (!/^rediss?:\/\//i.test(text) || url.hostname === '') throw refuse(EXPECTED);
  if (url.search !== '' || url.hash !== '')
    throw refuse(`${EXPECTED}; it has no parameters, and in a password "?" and "#" are written as %3F and %23`);
  if (![url.username, url.password].every(canBeDecoded))
    throw refuse(`${EXPECTED}; in a user's name or a password, "%" is written as %25`);
  if (!/^(\/\d*)?$/.test(url.pathname)) throw refuse(`${EXPECTED}; a database is a whole number`);
  return url;
}
