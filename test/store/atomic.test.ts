/** Files that belong together, whatever ends the process that writes them. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isFlush, listenToFiles, STORE_CALLS } from '../../cli/selftest/file-calls.js';
import { bert, type BertSpec } from '../../src/models/families/bert/network.js';
import { writeBertFolder } from '../../src/models/families/bert/weights.js';
import { writeLayersModel } from '../../src/models/families/layers/file.js';
import { layersNetwork, type LayersSpec } from '../../src/models/families/layers/network.js';
import { writeTogether } from '../../src/store/atomic.js';

const newFolder = (): string => mkdtempSync(join(tmpdir(), 'gowide-atomic-'));

/** Does something in a process that makes `calls` calls and then no more; false where it has ended before. */
function killedAfter(calls: number, act: () => void): boolean {
  let made = 0;
  const restore = listenToFiles(STORE_CALLS, {
    omits: isFlush,
    before: () => {
      if (++made > calls) throw new Error('killed');
    },
  });
  try {
    act();
    return false;
  } catch {
    return true;
  } finally {
    restore();
  }
}

const contents = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder)
      .filter((name) => !name.includes('.tmp-'))
      .sort()
      .map((name) => [name, readFileSync(join(folder, name), 'latin1')]),
  );

const LAYERS: LayersSpec = {
  family: 'layers',
  input: { name: 'x', shape: [3] },
  layers: [{ kind: 'dense', name: 'a', from: ['x'], units: 2, activation: 'linear' }],
};
const BERT: BertSpec = {
  ...{ family: 'bert', vocabSize: 5, maxPositions: 4, typeVocabSize: 2, hiddenSize: 2, numLayers: 1, numHeads: 1 },
  ...{ intermediateSize: 2, initializerRange: 0.02, dropout: 0.1, head: { kind: 'none' } },
};
const WORDS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];

test.each<[name: string, key: string, write: (folder: string, seed: number) => void]>([
  ['a LayersModel', 'model.json', (folder, seed) => writeLayersModel(folder, LAYERS, layersNetwork(LAYERS).init(seed))],
  [
    'a folder of Hugging Face',
    'model.safetensors',
    (folder, seed) =>
      writeBertFolder(folder, BERT, bert(BERT).init(seed), {
        tokenizer: {
          vocabulary: WORDS,
          lowercase: seed === 1,
          // the first one has a tokenizer.json, the second must not be read with it
          ...(seed === 1 && { settings: { stripAccents: false } }),
        },
      }),
  ],
])('%s that is written over another is the old one, the new one, or none, wherever it is killed', (_, key, write) => {
  const [before, after] = [newFolder(), newFolder()];
  write(before, 1);
  write(after, 2);
  const whole = [contents(before), contents(after)];
  expect(whole[0]).not.toEqual(whole[1]);
  const seen = new Set<number>();
  for (let calls = 0; ; calls++) {
    const folder = newFolder();
    for (const [name, text] of Object.entries(whole[0]!)) writeFileSync(join(folder, name), text, 'latin1');
    const killed = killedAfter(calls, () => write(folder, 2));
    if (existsSync(join(folder, key)) || !killed) {
      const found = JSON.stringify(contents(folder));
      const which = whole.findIndex((one) => JSON.stringify(one) === found);
      expect(which, `killed after ${calls} calls: ${Object.keys(contents(folder)).join(', ')}`).not.toBe(-1);
      seen.add(which);
    }
    if (!killed) break;
  }
  expect([...seen]).toEqual([0, 1]);
});

describe('files that belong together', () => {
  test('are as they were when the disk is full', () => {
    const folder = newFolder();
    const at = (name: string): string => join(folder, name);
    writeTogether([
      { path: at('a'), chunks: ['old'] },
      { path: at('b'), chunks: ['old'] },
    ]);
    const restore = listenToFiles(['openSync', 'writeSync'], {
      before: ({ name, paths }) => {
        if (name === 'writeSync' && paths[0]!.includes('b.tmp-'))
          throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
      },
    });
    try {
      const write = (): void =>
        writeTogether([
          { path: at('a'), chunks: ['new'] },
          { path: at('b'), chunks: ['new'] },
        ]);
      expect(write).toThrow(`no space left on the disk while writing ${at('b')}`);
    } finally {
      restore();
    }
    expect(readdirSync(folder).sort()).toEqual(['a', 'b']);
    expect(contents(folder)).toEqual({ a: 'old', b: 'old' });
  });
});
