/** What a user reads when an optional package is not installed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { asMissingPackage, hasPackage, missingPackages, packageFolder, packageRoot } from '../../src/core/package.js';

interface Manifest {
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}
const manifest = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as Manifest;

test('a package that is not installed is named with the command that installs it, in the pinned version', () => {
  const missing = (name: string): Error =>
    Object.assign(new Error(`Cannot find package '${name}' imported from /x/y.js`), { code: 'ERR_MODULE_NOT_FOUND' });
  const { bullmq } = manifest.optionalDependencies;
  expect(asMissingPackage(missing('bullmq'), 'a queue')).toMatchObject({
    name: 'FailureError',
    message: `a queue needs the npm package bullmq, which is not installed: npm i bullmq@${bullmq}`,
  });
  expect(asMissingPackage(missing('@tensorflow/tfjs-core/dist/x.js'))).toMatchObject({
    message: expect.stringContaining('npm i @tensorflow/tfjs-core@4.22.0') as string,
  });
  expect(() => packageFolder('no-such-package', 'this test')).toThrow(
    'this test needs the npm package no-such-package, which is not installed: npm i no-such-package',
  );
});

test('other errors stay as they are, files of our own that are missing among them', () => {
  for (const error of [
    new Error('disk full'),
    Object.assign(new Error("Cannot find module './gone.js'"), { code: 'MODULE_NOT_FOUND' }),
    Object.assign(new Error("Cannot find module '/a/b.js'"), { code: 'ERR_MODULE_NOT_FOUND' }),
  ])
    expect(asMissingPackage(error)).toBe(error);
});

test('only what is missing is to be installed', () => {
  expect(hasPackage('zod')).toBe(true);
  expect(missingPackages('zod')).toBeUndefined();
  expect(missingPackages('zod', 'no-such-package')).toBe('npm i no-such-package');
});

test('optional packages and peers have one version each, which the tests run with', () => {
  const { optionalDependencies, peerDependencies, devDependencies } = manifest;
  for (const version of Object.values({ ...optionalDependencies, ...peerDependencies }))
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  for (const [name, version] of Object.entries(devDependencies))
    expect(version).toBe(peerDependencies[name] ?? version);
});
