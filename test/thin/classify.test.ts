/** Classes of pictures and texts, by name. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openImageFolder } from '../../src/data/imagefolder.js';
import { toLabelled, type Dataset } from '../../src/data/dataset.js';
import { textSource } from '../../src/data/texts.js';
import { tf } from '../../src/engine/tensor.js';
import { weightsOf } from '../../src/method/values/weights.js';
import { preparePredict } from '../../src/models/predict.js';
import { readWeights } from '../../src/models/read.js';
import { networkOf, type NetworkSpec } from '../../src/models/index.js';
import { writeOnnx } from '../../src/models/write.js';
import { evaluation } from '../../src/nn/layers.js';
import { readSafetensors, writeSafetensors } from '../../src/store/safetensors.js';
import { readVocabulary } from '../../src/text/vocabulary.js';
import { WordPiece } from '../../src/text/wordpiece.js';
import { openClassification, type ClassifyOptions } from '../../src/thin/classify.js';
import { setUp } from '../../src/thin/plan.js';
import { anyEngine } from '../support/engines.js';
import { BERT, bertFolder, csvFile, newFolder, pictureFolder, RESNET, resnetFile } from './support.js';

beforeAll(anyEngine);

const HALF = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };

const open = (model: string, input: string, size?: number, columns?: ClassifyOptions['columns']) =>
  openClassification({ model, input, size, columns, runs: newFolder() });

/** Shares of the classes for all examples of a source, as the network itself gives them. */
async function sharesOf(file: string, spec: NetworkSpec, asked: Pick<Dataset, 'shape'>, source: Dataset['test']) {
  const batch = await source.batch(Uint32Array.from({ length: source.count }, (_, i) => i));
  const { x } = toLabelled({ ...asked, classes: 2 }, batch);
  const weights = weightsOf(readWeights(file, spec));
  return (await tf.softmax(networkOf(spec).apply(evaluation(weights), x).logits!).array()) as number[][];
}

function near(found: readonly (readonly number[])[], expected: readonly (readonly number[])[]): void {
  expect(found).toHaveLength(expected.length);
  found.forEach((row, i) => row.forEach((share, c) => expect(share).toBeCloseTo(expected[i]![c]!, 5)));
}

describe('pictures', () => {
  test('of a folder, more than one batch of them: the classes that the network gives, by the names beside it', async () => {
    const folder = pictureFolder(10, ['train', 'val']);
    const model = dirname(resnetFile());
    const file = join(model, 'model.safetensors');
    copyFileSync(join(model, 'resnet.safetensors'), file);
    writeFileSync(join(model, 'labels.json'), JSON.stringify(['blue', 'red']));
    const { labels, items, skipped } = await (await open(model, join(folder, 'val'), 8))();
    const data = openImageFolder({ folder, size: 8, resize: 9, validation: 1, corrupt: 0 });
    const expected = await sharesOf(file, RESNET, data, data.test);
    near(
      items.map(({ probabilities }) => probabilities),
      expected,
    );
    expect([labels, skipped]).toEqual([['blue', 'red'], []]);
    for (const { label, probability, probabilities } of items) {
      expect(probability).toBe(Math.max(...probabilities));
      expect(label).toBe(labels[probabilities.indexOf(probability)]);
    }
  });

  test.each<[string, Record<string, object>]>([
    ['timm’s config.json', { 'config.json': { architecture: 'resnet18', pretrained_cfg: HALF } }],
    ['timm’s config.json before 0.9', { 'config.json': { architecture: 'resnet18', num_classes: 2, ...HALF } }],
    [
      'transformers’ folder of a network of timm',
      { 'config.json': { model_type: 'timm_wrapper', pretrained_cfg: HALF } },
    ],
    [
      'Hugging Face’s preprocessor_config.json',
      {
        'config.json': { num_classes: 2 },
        'preprocessor_config.json': { do_normalize: true, image_mean: HALF.mean, image_std: HALF.std },
      },
    ],
  ])('are normalized by mean and std of %s, in a folder and in its file', async (_, files) => {
    const folder = pictureFolder(3, ['train', 'val']);
    const model = newFolder();
    const file = join(model, 'model.safetensors');
    copyFileSync(resnetFile(), file);
    for (const [name, value] of Object.entries(files)) writeFileSync(join(model, name), JSON.stringify(value));
    const data = openImageFolder({ folder, size: 8, resize: 9, validation: 1, corrupt: 0, normalize: HALF });
    const expected = await sharesOf(file, RESNET, data, data.test);
    for (const named of [model, file]) {
      const { items } = await (await open(named, join(folder, 'val'), 8))();
      near(
        items.map(({ probabilities }) => probabilities),
        expected,
      );
    }
  });

  test('have the names of the classes of timm’s config.json, one for each class', async () => {
    const input = join(pictureFolder(1), 'red');
    const model = newFolder();
    copyFileSync(resnetFile(), join(model, 'model.safetensors'));
    const labelled = async (label_names: unknown): Promise<readonly string[]> => {
      writeFileSync(join(model, 'config.json'), JSON.stringify({ architecture: 'resnet18', label_names }));
      return (await (await open(model, input, 8))()).labels;
    };
    expect(await labelled(['sky', 'brick'])).toEqual(['sky', 'brick']);
    await expect(labelled(['sky'])).rejects.toThrow(
      `${join(model, 'config.json')}: 1 name of classes (sky), and the head has 2; expected a name for each`,
    );
    await expect(labelled('sky')).rejects.toThrow('label_names: expected the names of the classes in order');
  });

  test.each<[string, object, string]>([
    ['config.json', { architecture: 'x', pretrained_cfg: { mean: [0.5, 0.5], std: HALF.std } }, 'pretrained_cfg.mean'],
    ['config.json', { architecture: 'x', mean: HALF.mean, std: [0.5, 0, 0.5] }, 'mean, std: std'],
    ['preprocessor_config.json', { do_rescale: false, image_mean: HALF.mean, image_std: HALF.std }, 'do_rescale'],
    ['preprocessor_config.json', { rescale_factor: 1 / 127.5 }, 'rescale_factor: pictures are read as values from 0'],
  ])('are not read where %s asks for what is not done: %j', async (name, content, message) => {
    const model = resnetFile();
    writeFileSync(join(dirname(model), name), JSON.stringify(content));
    await expect(open(model, join(pictureFolder(1), 'red'), 8)).rejects.toThrow(message);
  });

  test('that cannot be read are left out and named, the others keep their names; an ONNX file stands for its network', async () => {
    const folder = join(pictureFolder(2), 'red');
    writeFileSync(join(folder, '0a.png'), 'no picture');
    const out = newFolder();
    mkdirSync(join(out, 'model'));
    copyFileSync(resnetFile(), join(out, 'model', 'model.safetensors'));
    const onnx = join(out, 'model.onnx');
    writeOnnx(onnx, RESNET, networkOf(RESNET).init(3));
    const { labels, items, skipped } = await (await open(onnx, folder, 8))();
    expect(labels).toEqual(['0', '1']);
    expect(items.map(({ item }) => item)).toEqual(['0.ppm', '1.ppm'].map((name) => join(folder, name)));
    expect(skipped.map(({ file }) => file)).toEqual([join(folder, '0a.png')]);
  });

  test('have no classes by an ONNX file that is not there, is none, or is of another network than the folder', async () => {
    const [out, input] = [newFolder(), join(pictureFolder(1), 'red')];
    mkdirSync(join(out, 'model'));
    copyFileSync(resnetFile(), join(out, 'model', 'model.safetensors'));
    const onnx = join(out, 'x.onnx');
    await expect(open(onnx, input, 8)).rejects.toThrow(`${onnx}: not found; expected an ONNX file, with the folder`);
    writeFileSync(onnx, 'no network');
    await expect(open(onnx, input, 8)).rejects.toThrow(`${onnx}: not an ONNX file: `);
    for (const changes of [{ planes: 5 }, { skip: false }]) {
      const other = { ...RESNET, ...changes } as NetworkSpec;
      writeOnnx(onnx, other, networkOf(other).init(3));
      await expect(open(onnx, input, 8)).rejects.toThrow(
        `${onnx}: it is of another network than the folder "model" beside it, which would be read for it`,
      );
    }
  });

  test('of which a whole batch cannot be read: the others have their classes; where none can, that is said', async () => {
    const folder = join(pictureFolder(1), 'red');
    for (let i = 0; i < 16; i++) writeFileSync(join(folder, `-${i}.png`), 'no picture'); // before the other
    const model = resnetFile();
    const { items, skipped } = await (await open(model, folder, 8))();
    expect([items.map(({ item }) => item), skipped.length]).toEqual([[join(folder, '0.ppm')], 16]);
    const broken = join(newFolder(), 'x.png');
    writeFileSync(broken, 'no picture');
    await expect((await open(model, broken, 8))()).rejects.toThrow(
      `none of 1 picture can be read; the first is ${broken}: Input buffer contains unsupported image format`,
    );
  });

  test('by a network whose outputs are not finite have no class, which is said', async () => {
    const model = resnetFile();
    const { tensors, metadata } = readSafetensors(model);
    for (const { values } of Object.values(tensors)) if (values instanceof Float32Array) values.fill(3e38);
    writeSafetensors(model, tensors, metadata);
    await expect((await open(model, join(pictureFolder(1), 'red'), 8))()).rejects.toThrow('outputs are not finite');
  });
});

test('texts, of different lengths, have the classes that the network gives, by the names of its folder', async () => {
  const spec = { ...BERT, head: { kind: 'classify', classes: 2 } } as const;
  const model = bertFolder(spec, ['blame', 'praise']);
  // more than two batches, the shorter ones between the longer ones
  const words = ['a', 'good', 'film', 'the', 'plot', ',', 'dull', 'poor'];
  const texts = Array.from({ length: 40 }, (_, i) =>
    Array.from({ length: 1 + ((i * 5) % 13) }, (_, k) => words[(i + 3 * k) % words.length]).join(' '),
  );
  const path = join(newFolder(), 'texts.txt');
  writeFileSync(path, `${texts[0]}\r\n\n${texts.slice(1).join('\n')}\n`);
  const { labels, items } = await (await open(model, path))();
  expect(labels).toEqual(['blame', 'praise']);
  expect(items.map(({ item }) => item)).toEqual(texts);
  const tokenizer = new WordPiece(readVocabulary(model).tokens, true);
  const source = textSource(
    { tokenizer, tokens: 16 },
    texts.map((text) => ({ text, label: 0 })),
  );
  near(
    items.map(({ probabilities }) => probabilities),
    await sharesOf(model, spec, { shape: [3, 16] }, source),
  );
});

describe('tables of texts', () => {
  const ROWS = [
    ['a good film', 'the plot , a dull film'],
    ['the plot , the plot', 'a poor film'],
  ] as const;
  const file = (name: string, text: string): string => {
    const path = join(newFolder(), name);
    writeFileSync(path, text);
    return path;
  };
  const sharesOfRows = (model: string, rows: readonly { readonly text: string; readonly pair?: string }[]) => {
    const tokenizer = new WordPiece(readVocabulary(model).tokens, true);
    const source = textSource(
      { tokenizer, tokens: 16 },
      rows.map((row) => ({ ...row, label: 0 })),
    );
    return sharesOf(model, CLASSES, { shape: [3, 16] }, source);
  };
  const QUOTED = `#,review,reply,stars\n${ROWS.map(([a, b], i) => `${i},"${a}","${b}",5\n`).join('')}`;

  test.each<[string, () => string, ClassifyOptions['columns']]>([
    [
      'usual columns of a pair, labels beside them',
      () => file('pairs.tsv', `sentence1\tsentence2\tlabel\n${ROWS.map((row) => `${row.join('\t')}\t1\n`).join('')}`),
      undefined,
    ],
    ['columns that are named', () => file('pairs.csv', QUOTED), { text: 'review', pair: 'reply' }],
  ])('pairs in %s are read as the two segments of a pair', async (_, path, columns) => {
    const model = bertFolder(CLASSES);
    const { items, notes } = await (await open(model, path(), undefined, columns))();
    expect(items.map(({ item, pair }) => [item, pair])).toEqual(ROWS);
    const expected = await sharesOfRows(
      model,
      ROWS.map(([text, pair]) => ({ text, pair })),
    );
    near(
      items.map(({ probabilities }) => probabilities),
      expected,
    );
    expect(notes[0]).toMatch(/^columns: ".*" and ".*" for the texts; left out: /);
  });

  test('one column is single texts, and lines without a text are said', async () => {
    const model = bertFolder(CLASSES);
    const path = file('reviews.csv', `text,stars\n"${ROWS[0][1]}",1\n,2\n${ROWS[0][0]},3\n`);
    const { items, notes } = await (await open(model, path))();
    expect(items.map(({ item }) => item)).toEqual([ROWS[0][1], ROWS[0][0]]);
    expect(items.every((one) => !('pair' in one))).toBe(true);
    expect(notes).toEqual([
      'columns: "text" for the text; left out: "stars"',
      `${path}: 1 line without a text left out`,
    ]);
    const shares = await sharesOfRows(
      model,
      items.map(({ item }) => ({ text: item })),
    );
    near(
      items.map(({ probabilities }) => probabilities),
      shares,
    );
  });

  test('a line that does not reach the column of the second text is left out, as in training; an empty one is read', async () => {
    const path = file('pairs.tsv', 'sentence1\tsentence2\na film\tthe plot\na dull film\nthe plot\t\n\ta film\n');
    const { items, notes } = await (await open(bertFolder(CLASSES), path))();
    expect(items.map(({ item, pair }) => [item, pair])).toEqual([
      ['a film', 'the plot'],
      ['the plot', ''],
    ]);
    expect(notes).toContain(`${path}: 2 lines without a text or a second one left out`);
  });

  test.each<[string, string, string, ClassifyOptions['columns'], RegExp]>([
    ['no column of texts', 'a.csv', 'x,y\n1,2\n', undefined, /no column for the text in its first line \(x, y\)/],
    ['a name that is not there', 'a.csv', 'text\na\n', { text: 'body' }, /no column "body" in its first line/],
    ['one column for both', 'a.csv', 'text\na\n', { text: 'text', pair: 'text' }, /is to be two things/],
    ['no text at all', 'a.tsv', 'text\tn\n\t1\n', undefined, /no text in it/],
    ['columns of lines', 'a.txt', 'a film\n', { text: 'text' }, /--columns goes with a \.tsv or \.csv file/],
    [
      'another kind of file',
      'a.json',
      '[]',
      undefined,
      /expected a \.txt file with a text on each line, or a \.tsv or/,
    ],
  ])('%s: refused in a line', async (_, name, text, columns, message) => {
    await expect(open(bertFolder(CLASSES), file(name, text), undefined, columns)).rejects.toThrow(message);
  });
});

test.each([
  ['fewer', ['only'], '1 name of classes (only), and the head has 2'],
  ['more', ['a', 'b', 'c'], '3 names of classes (a, b, c), and the head has 2'],
])('a folder with %s names than its head has classes is refused, and so it is by thin', async (_, names, message) => {
  const model = bertFolder(CLASSES);
  const path = join(model, 'config.json');
  const config = JSON.parse(readFileSync(path, 'utf8')) as object;
  const input = join(newFolder(), 'texts.txt');
  writeFileSync(input, 'a good film\n');
  for (const fields of [
    { id2label: Object.fromEntries(names.map((name, i) => [i, name])) },
    { id2label: undefined, label2id: Object.fromEntries(names.map((name, i) => [name, i])) },
  ]) {
    writeFileSync(path, JSON.stringify({ ...config, ...fields }));
    await expect(open(model, input)).rejects.toThrow(`${path}: ${message}; expected a name for each`);
    await expect(setUp({ model, data: csvFile(), columns: { text: 'review' }, out: newFolder() })).rejects.toThrow(
      message,
    );
  }
});

test('texts of more tokens than the network reads are cut, which is said; old Macs’ lines are lines', async () => {
  const path = join(newFolder(), 'texts.txt');
  writeFileSync(path, `a good film\r${'film '.repeat(40)}\r`);
  const { items, notes } = await (await open(bertFolder(CLASSES), path))();
  expect(items).toHaveLength(2);
  expect(notes).toEqual(['1 of 2 texts has more than the 16 tokens that are read and is cut']);
});

test('a vocabulary with fewer words than the network knows, and classes of one name, are said', async () => {
  const model = bertFolder(CLASSES, ['blame', 'blame']);
  const path = join(model, 'vocab.txt');
  writeFileSync(path, readFileSync(path, 'utf8').split('\n').slice(0, 10).join('\n'));
  const said = [
    `${model}: several classes have one name: "blame" (0, 1); answers do not tell them apart`,
    `${model}: its vocabulary has 10 tokens, and the network embeddings of 16: the last 6 stay as they are, as no text has them`,
  ];
  expect((await (await open(model, textFile()))()).notes).toEqual(said);
  const { notes } = await setUp({ model, data: csvFile(), columns: { text: 'review' }, out: newFolder() });
  expect(notes).toEqual(expect.arrayContaining(said));
});

test('texts may be more than a call has arguments', async () => {
  const path = join(newFolder(), 'texts.txt');
  writeFileSync(path, 'a\n'.repeat(150_000));
  await expect(open(bertFolder(CLASSES), path)).resolves.toBeTypeOf('function');
});

test('tokens in a safetensors file have the logits of a folder with classes, beside the states', async () => {
  const model = bertFolder(CLASSES);
  const [input, output] = ['input', 'output'].map((name) => join(newFolder(), `${name}.safetensors`));
  writeSafetensors(input!, { input_ids: { shape: [2, 4], values: Int32Array.of(2, 5, 6, 3, 2, 7, 8, 3) } });
  await preparePredict({ model, input: input!, output: output! }, {})({ mode: 'eval', taps: false });
  const { logits, last_hidden_state: states, pooler_output: pooled } = readSafetensors(output!).tensors;
  expect([states!.shape, pooled!.shape, logits!.shape]).toEqual([
    [2, 4, 16],
    [2, 16],
    [2, 2],
  ]);
  const tokens = Int32Array.of(2, 5, 6, 3, 0, 0, 0, 0, 1, 1, 1, 1, 2, 7, 8, 3, 0, 0, 0, 0, 1, 1, 1, 1);
  const source = { count: 2, batch: () => ({ values: tokens, labels: Int32Array.of(0, 0) }) };
  const rows = [0, 2].map((at) => Array.from(logits!.values.subarray(at, at + 2), Number));
  near(
    rows.map((row) => row.map((z) => Math.exp(z) / row.reduce((sum, other) => sum + Math.exp(other), 0))),
    await sharesOf(model, CLASSES, { shape: [3, 4] }, source),
  );
});

describe('what does not fit is refused in a line', () => {
  test.each<[string, () => [string, string, number?], string]>([
    ['a size for texts', () => [bertFolder(CLASSES), textFile(), 32], 'a size of 32 pixels is for pictures'],
    [
      'a size beyond all networks',
      () => [resnetFile(), pictureFolder(1), 1025],
      'size 1025: expected a whole number from 8',
    ],
    ['a network without classes', () => [bertFolder(), textFile()], 'its head is "pooler", which gives no classes'],
    ['pictures for texts', () => [bertFolder(CLASSES), pictureFolder(1)], 'expected a .txt file with a text on each'],
    ['texts for pictures', () => [resnetFile(), textFile()], 'expected a picture or a folder of them'],
    ['an empty folder', () => [resnetFile(), newFolder()], 'no picture in it'],
    ['an empty file', () => [bertFolder(CLASSES), textFile('\n')], 'no text in it'],
    ['an ONNX file alone', () => [onnxFile(), textFile()], 'expected the folder "model" beside it'],
    ['no such input', () => [resnetFile(), join(newFolder(), 'none')], 'not found; expected pictures, or a .txt, .tsv'],
  ])('%s', async (_, given, message) => {
    const [model, input, size] = given();
    await expect(open(model, input, size)).rejects.toThrow(message);
  });
});

const CLASSES = { ...BERT, head: { kind: 'classify', classes: 2 } } as const;

function onnxFile(): string {
  const path = join(newFolder(), 'x.onnx');
  writeOnnx(path, RESNET, networkOf(RESNET).init(3));
  return path;
}

function textFile(text = 'a film\n'): string {
  const path = join(newFolder(), 'texts.txt');
  writeFileSync(path, text);
  return path;
}
