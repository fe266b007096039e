/** tfjs-node calls functions that Node has deprecated: a user of the tensorflow engine must not see a warning of it. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { tensorflowReadiness } from '../../src/engine/engines/tensorflow.js';

const readiness = tensorflowReadiness();
if (readiness.state !== 'ready') process.stderr.write(`skipped: tensorflow is ${readiness.reason}\n`);

const PROGRAM = `
import { startEngine } from './dist/src/engine/engines/choose.js';
import { tf } from './dist/src/engine/tensor.js';
await startEngine('tensorflow', 'a test');
console.log(tf.matMul(tf.tensor2d([[1, 2]]), tf.tensor2d([[3], [4]])).dataSync()[0], tf.concat([[1], [2]]).size);
`;

test.skipIf(readiness.state !== 'ready')('ops of the tensorflow engine run without a deprecation', () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--throw-deprecation', '--input-type=module', '--eval', PROGRAM],
    { cwd: resolve(import.meta.dirname, '../..'), encoding: 'utf8', timeout: 120_000, killSignal: 'SIGKILL' },
  );
  expect(stderr).not.toContain('DeprecationWarning');
  expect({ status, stdout }).toEqual({ status: 0, stdout: '11 2\n' });
});
