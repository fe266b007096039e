/** Files of torch.save, read without executing what is in them. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { readPickle } from '../../src/store/pickle.js';
import { readTorch } from '../../src/store/torch.js';

const FILES = JSON.parse(readFileSync(resolve(import.meta.dirname, 'torch.json'), 'utf8')) as Record<string, string>;
const folder = mkdtempSync(join(tmpdir(), 'gowide-torch-'));

function file(bytes: Buffer): string {
  const path = join(folder, `${Math.random()}.pth`);
  writeFileSync(path, bytes);
  return path;
}
const saved = (name: string): Buffer => Buffer.from(FILES[name]!, 'base64');

test('a state dict: types, strides, parameters, scalars', () => {
  const { tensors, key, others } = readTorch(file(saved('state')));
  expect([key, others]).toEqual([undefined, []]);
  expect(tensors).toEqual({
    w: { shape: [2, 3], values: Float32Array.of(0, 1, 2, 3, 4, 5) },
    t: { shape: [3, 2], values: Float32Array.of(0, 3, 1, 4, 2, 5) },
    half: { shape: [2], values: Float32Array.of(1.5, -2), dtype: 'F16' },
    bf: { shape: [2], values: Float32Array.of(1.5, -2), dtype: 'BF16' },
    n: { shape: [], values: BigInt64Array.of(7n) },
    p: { shape: [1], values: Float32Array.of(3) },
  });
});

test('a checkpoint: the state dict in it, and what else there is', () => {
  const { tensors, key, others } = readTorch(file(saved('check')));
  expect([Object.keys(tensors), key, others]).toEqual([['module.w'], 'state_dict', ['epoch', 'optimizer']]);
});

test.each([
  ['evil', 'it asks for posix.system'],
  ['module', 'it asks for torch.nn.modules.linear.Linear'],
  ['legacy', 'as torch before 1.6 wrote it'],
])('%s is refused: %s', (name, message) => {
  expect(() => readTorch(file(saved(name)))).toThrow(message);
});

test('a file that is cut off anywhere is refused in one line, or says the same', () => {
  const whole = saved('state');
  for (let length = 0; length < whole.length; length += 97)
    expect(() => readTorch(file(whole.subarray(0, length)))).toThrow(/\.pth: /);
});

test('a byte that is changed never leads out of the reader', () => {
  const whole = saved('check');
  for (let at = 0; at < whole.length; at += 7) {
    const changed = Buffer.from(whole);
    changed[at] = changed[at]! ^ 0xff;
    try {
      readTorch(file(changed));
    } catch (error) {
      expect([at, (error as Error).name]).toEqual([at, 'UsageError']);
    }
  }
});

test.each([
  ['INST', '(ios\nsystem\n.'],
  ['OBJ', '(cos\nsystem\no.'],
  ['NEWOBJ', 'cbuiltins\nobject\n)\x81.'],
  ['EXT1', '\x82\x01.'],
  ['a name of a property of all objects', 'cObject\nconstructor\n.'],
])('the opcode %s is refused', (_, text) => {
  const options = { source: 'x', calls: {}, names: () => false, persistent: () => null };
  expect(() => readPickle(Buffer.from(`\x80\x02${text}`, 'latin1'), options)).toThrow('nothing was executed');
});
