/** Small trained networks and data as users have them, in folders of the test's own. */
import { mkdtempSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { networkOf, type NetworkSpec } from '../../src/models/index.js';
import { writeWeights } from '../../src/models/write.js';

export const newFolder = (): string => mkdtempSync(join(tmpdir(), 'gowide-thin-'));

export const BERT = {
  family: 'bert',
  ...{ vocabSize: 16, maxPositions: 16, typeVocabSize: 2, hiddenSize: 16, numLayers: 2, numHeads: 2 },
  ...{ intermediateSize: 32, dropout: 0 },
  head: { kind: 'pooler' },
} as const satisfies NetworkSpec;

const WORDS = ['good', 'fine', 'nice', 'bad', 'poor', 'dull', 'a', 'film', 'plot', 'the', ','];
const VOCABULARY = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...WORDS];

/** A folder as Hugging Face's libraries save a BERT, with random values. */
export function bertFolder(spec: NetworkSpec = BERT, labels?: readonly string[]): string {
  const folder = join(newFolder(), 'bert');
  writeWeights(folder, spec, networkOf(spec).init(3), {
    tokenizer: { vocabulary: VOCABULARY, lowercase: true },
    labels,
  });
  return folder;
}

/** A comma-separated table of texts, some of them in quotes, whose class is said by one word. */
export function csvFile(count = 60): string {
  const path = join(newFolder(), 'reviews.csv');
  const lines = Array.from({ length: count }, (_, i) => {
    const word = WORDS[i % 6]!;
    return `"the plot, ${word}",${i % 6 < 3 ? 'praise' : 'blame'}`;
  });
  writeFileSync(path, `review,class\n${lines.join('\n')}\n`);
  return path;
}

/** A ResNet of 8 x 8 pictures in torchvision's names, with random values. */
export const RESNET: NetworkSpec = {
  family: 'resnet',
  ...{ block: 'basic', blocks: [1, 1], planes: 4, mid: 1, skip: true, classes: 2, channels: 3 },
  stem: { kind: 'small', channels: 4 },
};

/** A safetensors file of it. */
export function resnetFile(spec: NetworkSpec = RESNET, seed = 3): string {
  const path = join(newFolder(), 'resnet.safetensors');
  writeWeights(path, spec, networkOf(spec).init(seed));
  return path;
}

/** A folder of bitmaps, red and blue ones, a folder for each class. */
export function pictureFolder(count: number, under: readonly string[] = ['']): string {
  const folder = newFolder();
  for (const part of under) {
    for (const [label, [red, blue]] of Object.entries({ red: [200, 20], blue: [20, 200] })) {
      const place = join(folder, part, label);
      mkdirSync(place, { recursive: true });
      for (let i = 0; i < count; i++) {
        const pixels = Array.from({ length: 64 }, (_, k) => [red! + ((k * i) % 40), 30, blue! + ((k + i) % 40)]).flat();
        writeFileSync(join(place, `${i}.ppm`), Buffer.concat([Buffer.from('P6\n8 8\n255\n'), Buffer.from(pixels)]));
      }
    }
  }
  return folder;
}
