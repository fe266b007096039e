/** Pointers of Git LFS, pages and texts in the place of binary files: each reader says what is there. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/core/errors.js';
import { readConfig, readText } from '../../src/store/config.js';
import { textInstead } from '../../src/store/instead.js';
import { readMetadata, readSafetensors } from '../../src/store/safetensors.js';
import { readTensorBundle } from '../../src/store/tensor-bundle.js';
import { readTorch } from '../../src/store/torch.js';
import { POINTER, SAID_OF_POINTER } from '../support/pointer.js';
import { writeBundle } from './bundled.js';

const folder = mkdtempSync(join(tmpdir(), 'gowide-instead-'));
const HTML = '<!DOCTYPE html>\n<html><head><title>404</title></head><body>Entry not found — sorry</body></html>\n';

/** A checkpoint with one tensor of so many values; the path of its file of tensors is what comes back. */
function shardOf(checkpoint: string, count: number): string {
  writeBundle(checkpoint, { w: { shape: [count], values: new Float32Array(count) } });
  return `${checkpoint}.data-00000-of-00001`;
}

const READERS: readonly [what: string, name: string, format: string, read: (path: string) => unknown][] = [
  ['a safetensors file', 'model.safetensors', 'a safetensors file', readSafetensors],
  ['its metadata', 'other.safetensors', 'a safetensors file', readMetadata],
  ['a state dict', 'pytorch_model.bin', 'a file that torch.save wrote', readTorch],
  ['the index of a checkpoint', 'model.ckpt.index', 'the index of a checkpoint', (path) => readTensorBundle(path)],
  ['a gzipped text', 'train.tsv.gz', 'a gzip file', (path) => readText(path, { gzipped: true })],
];

describe.each(READERS)('in the place of %s', (_, name, format, read) => {
  const path = join(folder, name);
  const said = (content: string): string => {
    writeFileSync(path, content);
    try {
      read(path);
    } catch (error) {
      expect(error).toBeInstanceOf(UsageError);
      return (error as Error).message;
    }
    return 'nothing';
  };

  test('a pointer of Git LFS is said to be one', () => expect(said(POINTER)).toBe(`${path}: ${SAID_OF_POINTER}`));

  test('an HTML page and a text are said to be what they are', () => {
    expect(said(HTML)).toBe(`${path}: an HTML page, not ${format}; fetch the file itself, as a browser downloads it`);
    const text = `${path}: a text, not ${format}; give the path of the binary file, or fetch it again`;
    for (const content of [
      'Entry not found',
      'hello',
      '{"error": "Repository not found"}'.repeat(100),
      'ü'.repeat(1023),
    ])
      expect(said(content)).toBe(text);
  });
});

test.each([2, 1000])('in the place of the tensors of a checkpoint, of %i values', (count) => {
  const checkpoint = join(folder, `tensors-${count}`);
  const path = shardOf(checkpoint, count);
  writeFileSync(path, POINTER);
  expect(() => readTensorBundle(`${checkpoint}.index`)).toThrow(`${path}: ${SAID_OF_POINTER}`);
});

test('in the place of a text or a declaration', () => {
  const path = join(folder, 'vocab.txt');
  writeFileSync(path, POINTER);
  expect(() => readText(path)).toThrow(`${path}: ${SAID_OF_POINTER}`);
  expect(() => readConfig(path)).toThrow(`${path}: ${SAID_OF_POINTER}`);
});

test.each<[string, Uint8Array]>([
  ['an empty file', Buffer.alloc(0)],
  ['NUL characters', Buffer.from('text\0')],
  ['no UTF-8', Buffer.from([0x50, 0x4b, 0x80, 0xff])],
])('%s is no text', (_, bytes) => expect(textInstead(bytes, 'x')).toBeUndefined());
