/** TensorFlow loads without a word on standard error; what is not information is still said. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test as anywhere } from 'vitest';
import { tensorflowReadiness } from '../../src/engine/engines/tensorflow.js';
import { withoutInformation } from '../../src/engine/install/quiet.js';
import { findCompiler } from '../../src/toolchain/tools.js';

const here = tensorflowReadiness().state === 'ready' && findCompiler() !== undefined;
if (!here) process.stderr.write('skipped: TensorFlow or a C++ compiler is not here\n');
const test = anywhere.skipIf(!here);

test('a program that uses the library has its standard error for itself', { timeout: 300_000 }, () => {
  const index = join(import.meta.dirname, '../../dist/src/index.js');
  const program = `
    import { startEngine, tf } from ${JSON.stringify(index)};
    await startEngine('tensorflow');
    process.stderr.write('mine ' + tf.matMul(tf.ones([2, 2]), tf.ones([2, 2])).dataSync()[0]);`;
  const env = { ...process.env };
  delete env.TF_CPP_MIN_LOG_LEVEL;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    ...{ env, encoding: 'utf8', timeout: 280_000, killSignal: 'SIGKILL' },
  });
  expect(stderr).toContain('mine 2');
  // warnings of this machine (of its graphics card, of Node) may be there, information may not
  expect([status, withoutInformation(stderr)]).toEqual([0, stderr]);
});

anywhere('warnings and errors of a library that loads are kept', () => {
  const lines = [
    'WARNING: All log messages before absl::InitializeLog() is called are written to STDERR',
    'I0000 00:00:1795676010.171644   18628 port.cc:153] oneDNN custom operations are on.',
    'E0000 00:00:1795676010.171644   18628 cuda.cc:1] no CUDA',
    'To enable the following instructions: AVX2, rebuild TensorFlow',
    'ld.so: something else',
  ];
  expect(withoutInformation(`${lines.join('\n')}\n`)).toBe(`${lines[2]}\n${lines[4]}\n`);
});
