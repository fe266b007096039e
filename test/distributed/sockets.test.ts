import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { UsageError } from '../../src/core/errors.js';
import { joinWorkers } from '../../src/distributed/join.js';
import { isTooLong, LONGEST_SOCKET_PATH, localAddresses } from '../../src/distributed/sockets.js';
import { joining, newWorkers } from './support.js';

describe.skipIf(process.platform === 'win32')(
  'socket files of workers (on Windows they are pipes, without a folder)',
  () => {
    const original = process.env.TMPDIR;
    const made: string[] = [];
    afterEach(() => {
      if (original === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = original;
      for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
    });
    /** A folder whose path has so many bytes: in /tmp, where localAddresses falls back to, as TMPDIR may be long. */
    const folderOf = (bytes: number): string => {
      const root = mkdtempSync('/tmp/s-');
      made.push(root);
      const rest = bytes - Buffer.byteLength(root) - 1;
      const folder = join(root, 'é'.repeat(Math.floor(rest / 2)) + 'x'.repeat(rest % 2));
      mkdirSync(folder);
      return folder;
    };
    // the name of the folder and a socket's: "w-", six characters, "/", and the last task
    const room = LONGEST_SOCKET_PATH - '/w-123456/9'.length;

    test.each([
      ['that is short enough, by bytes and not by letters', room, true],
      ['that is one byte too long', room + 1, false],
      ['that is much too long', 200, false],
    ])('in a TMPDIR %s', async (_, bytes, there) => {
      const temporary = folderOf(bytes);
      process.env.TMPDIR = temporary;
      const { folder, addresses } = localAddresses(10, 'w-');
      made.push(folder);
      expect(dirname(folder)).toBe(there ? temporary : '/tmp');
      expect(statSync(folder).mode & 0o777).toBe(0o700);
      expect(addresses.map((address) => 'path' in address && isTooLong(address.path))).toEqual(Array(10).fill(false));
      const workers = await newWorkers(2, undefined, true);
      const values = [Float32Array.of(1), Float32Array.of(2)];
      await Promise.all(workers.map((worker, task) => worker.sum(values[task]!)));
      expect(values[1]).toEqual(Float32Array.of(3));
      workers.forEach((worker) => worker.close());
    });

    test('a TMPDIR that is not there is named, with what to do', () => {
      const none = join(folderOf(room - 10), 'none');
      process.env.TMPDIR = none;
      expect(() => localAddresses(2, 'w-')).toThrow(UsageError);
      expect(() => localAddresses(2, 'w-')).toThrow(
        new RegExp(`^no folder can be made in ${none} \\(ENOENT.*\\); set TMPDIR to a folder that can be written, `),
      );
    });

    test('addresses of one’s own that are too long are refused, and not cut off', async () => {
      const path = `/tmp/${'x'.repeat(LONGEST_SOCKET_PATH)}`;
      const addresses = [{ path: `${path}0` }, { path: `${path}1` }];
      await expect(joinWorkers(joining(addresses, 0))).rejects.toThrow(
        `a path of ${path.length + 1} bytes; socket files have at most ${LONGEST_SOCKET_PATH}`,
      );
    });
  },
);
