import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { UsageError } from '../../src/core/errors.js';
import { parseQueueUrl, queueAddress, redacted, withoutPasswords } from '../../src/sweep/address.js';
import { queueStatus } from '../../src/sweep/backends/bullmq/control.js';
import { asRedisError, checkServer, connect } from '../../src/sweep/backends/bullmq/redis.js';

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

/** Every place of an address in which a password may stand, wrongly or not; each has "geheim" in it. */
const FORMS = ['redis://', 'rediss://', 'REDIS://', 'redis:', 'redis:/', '', 'http://', 'unix://'].flatMap((scheme) =>
  [
    'me:geheim@host',
    ':geheim@host:6379/1',
    'me:geheim@',
    ':geheim',
    'me:geheim',
    'me:ge heim geheim@host',
    'me:geheim heim@host:1/2',
    'me:geheim/x@host',
    'me:geheim?x@host',
    'me:geheim#x@host',
    'me:x@geheim@host',
    'me:%67%65%68%65%69%6D@host',
    'me%3Ageheim%40host',
    'host?password=geheim',
    'host:6379/0?password=geheim&db=3',
    'host?password=ge@geheim',
    'host#geheim',
    'host/geheim',
    'me:x@host/geheim',
    'me:x@host?password=geheim',
    '[::1]?password=geheim',
    'me:geheim@[::1]:6379',
    ' me:geheim@host ',
    '"me:geheim@host"',
  ].map((rest) => scheme + rest),
);

describe('the password of a queue', () => {
  test.each(FORMS)('is not shown: %s', (address) => {
    expect(redacted(address)).not.toMatch(/geheim|heim/);
    vi.spyOn(process, 'argv', 'get').mockReturnValue(['node', 'gowide', 'sweep', 'status', '--queue', address]);
    const texts = [
      `error: --queue ${address}: it is none`,
      `gowide sweep status --queue=${address}`,
      `connect to ${address} failed`,
      'WRONGPASS for geheim',
    ];
    for (const text of address.includes('host') && !/host\/geheim/.test(address) ? texts : texts.slice(0, 3))
      expect(withoutPasswords(text)).not.toContain('geheim');
    try {
      parseQueueUrl(address);
    } catch (error) {
      expect(error).toBeInstanceOf(UsageError);
      expect(String(error)).not.toMatch(/geheim|ge heim/);
    }
  });

  test('that comes by the environment is not shown either', () => {
    vi.stubEnv('GOWIDE_QUEUE', 'redis://:ge heim@host');
    expect(withoutPasswords('no connection to redis://:ge heim@host, by ge heim or ge%20heim')).toBe(
      'no connection to redis://***@host, by *** or ***',
    );
  });

  test('what is no password stays: host, port, database, other addresses, the form of an address', () => {
    expect(withoutPasswords('gowide sweep x --queue redis://me:geheim@host:6379/1 and rediss://:geheim@b')).toBe(
      'gowide sweep x --queue redis://***@host:6379/1 and rediss://***@b',
    );
    for (const text of [
      'see https://example.org/a?b=c#d.',
      'expected redis://[user:password@]host[:port][/db], or rediss:// with TLS',
      'cannot use redis://host:6379/1: ECONNREFUSED',
      'gowide worker --queue @secret.txt',
      'npm error request to https://registry.npmjs.org/@tensorflow%2ftfjs-node-gpu failed',
    ])
      expect(withoutPasswords(text)).toBe(text);
  });

  test('that an address of another kind has is not shown, and what else it has is', () => {
    expect(withoutPasswords('no https://me:geheim@proxy:80/@a/b, nor http://me:x%40geheim%40proxy')).toBe(
      'no https://***@proxy:80/@a/b, nor http://***@proxy',
    );
  });

  test.each(['redis://', 'rediss://', 'redis://user', 'redis://[user', 'me:password@', 'd@', 'redis://a:host@b'])(
    'leaves what is expected of an address as it is: %s',
    (address) => {
      vi.stubEnv('GOWIDE_QUEUE', address);
      const said = 'expected redis://[user:password@]host[:port][/db], or rediss:// with TLS';
      expect(withoutPasswords(said)).toBe(said);
    },
  );

  test('can stand in a file', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'gowide-address-')), 'queue');
    writeFileSync(file, 'redis://:geheim@host/2\n');
    expect(queueAddress(`@${file}`)).toBe('redis://:geheim@host/2');
    expect(() => queueAddress(`@${file}2`)).toThrow(/queue2: no such file/);
    for (const [text, why] of [
      ['\n', /queue": its first line is empty; expected redis:/],
      ['{"depth": 3}', /queue": its first line \*\*\*: expected redis:/],
    ] as const) {
      writeFileSync(file, text);
      expect(() => queueAddress(`@${file}`)).toThrow(why);
    }
  });
});

test.each([
  ['redis://host/x', /a database is a whole number/],
  ['redis://127.0.0.1:6379/abc', /^--queue redis:..127.0.0.1:6379.\*\*\*: .*; a database is a whole number$/],
  ['redis://host:99999', /^--queue redis:..host:99999: .*; a port is at most 65535$/],
  ['redis://host?db=3', /it has no parameters/],
  ['redis://', /expected redis:/],
  ['host', /expected redis:/],
  ['redis://me:a/b@host', /expected redis:|whole number/],
  ['redis://:geheim%@host', /^--queue redis:..\*\*\*@host: .*"%" is written as %25$/],
  ['redis://g%zz:geheim@host', /^--queue redis:..\*\*\*@host: .*"%" is written as %25$/],
  ['redis://:%ff%fe@host', /^--queue redis:..\*\*\*@host: .*"%" is written as %25$/],
])('%s is refused', (address, message) => {
  expect(() => parseQueueUrl(address)).toThrow(UsageError);
  expect(() => parseQueueUrl(address)).toThrow(message);
});

test('a server that accepts connections and says nothing is named in time', async () => {
  const server = createServer(() => {}).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `redis://:geheim@127.0.0.1:${(server.address() as AddressInfo).port}`;
  await expect(connect(url, () => {}, { seconds: 1 })).rejects.toThrow(
    /redis:\/\/\*\*\*@127.0.0.1:\d+ does not answer within 1 s/,
  );
  server.close();
  await expect(queueStatus({ url, name: 'x' })).rejects.toThrow(/cannot use/);
});

test('a server that cannot hold a queue, or may forget cells, is named', () => {
  const lines: string[] = [];
  const check = (info: string): void =>
    checkServer(info.replaceAll('\n', '\r\n'), 'redis://host', (line) => lines.push(line));
  check('cluster_enabled:0\nmaxmemory:0\nmaxmemory_policy:allkeys-lru\n');
  check('maxmemory:100\nmaxmemory_policy:noeviction\n');
  expect(lines).toEqual([]);
  check('maxmemory:100\nmaxmemory_policy:allkeys-lru\n');
  expect(lines).toEqual([expect.stringMatching(/may drop cells .*maxmemory-policy allkeys-lru.*noeviction/)]);
  expect(() => check('cluster_enabled:1\n')).toThrow(/redis:\/\/host is in cluster mode.*use a Redis without/);
  const full = new Error("OOM command not allowed when used memory > 'maxmemory'.");
  expect(asRedisError(full, 'redis://:geheim@host').message).toMatch(/^redis:\/\/\*\*\*@host is out of memory/);
});
