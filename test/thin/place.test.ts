/** Where results go: nothing of the user's is written over. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { InterruptedError } from '../../src/core/errors.js';
import { planLines } from '../../cli/commands/thin.js';
import { readSafetensors, writeSafetensors } from '../../src/store/safetensors.js';
import { checkPlace, replacedResult, whileAlone } from '../../src/thin/place.js';
import { setUp } from '../../src/thin/plan.js';
import { bertFolder, csvFile, newFolder, pictureFolder, RESNET, resnetFile } from './support.js';

test('a folder with the network in it, with files of something else, or in the data is refused', async () => {
  const [model, data, pictures] = [bertFolder(), csvFile(), pictureFolder(2)];
  const over = `${model}: the network there (${model}) would be written over`;
  await expect(setUp({ model, data, out: model })).rejects.toThrow(over);
  await expect(planLines({ model, data, out: model })).rejects.toThrow(over);
  const inner = join(newFolder(), 'model');
  cpSync(model, inner, { recursive: true });
  expect(() => checkPlace(dirname(inner), inner, data)).toThrow(`(${inner}) would be written over`);
  for (const out of [pictures, join(pictures, 'thin')])
    expect(() => checkPlace(out, model, pictures)).toThrow(`${out}: it is in the folder of the data (${pictures})`);
  const other = newFolder();
  writeFileSync(join(other, 'README.md'), 'mine');
  const refused = `${other}: it has files of something else (README.md)`;
  expect(() => checkPlace(other, model, data)).toThrow(refused);
  // names that anyone may have
  writeFileSync(join(other, 'card.json'), '{"name": "mine"}');
  expect(() => checkPlace(other, model, data)).toThrow(refused);
  const card = newFolder();
  writeFileSync(join(card, 'card.json'), 'mine');
  expect(() => checkPlace(card, model, data)).toThrow(`${card}: it has files of something else (card.json)`);
  mkdirSync(join(other, 'work', 'runs', 'theirs'), { recursive: true });
  expect(() => checkPlace(other, model, data)).toThrow(refused);
});

test('a folder that cannot be is refused by the plan, too, and none is made', async () => {
  const [model, data] = [bertFolder(), csvFile()];
  for (const [out, said] of [
    [data, `${data}: it is a file; expected a folder`],
    [join(data, 'thin'), `${join(data, 'thin')}: ${data} is a file; expected a folder`],
  ] as const)
    await expect(planLines({ model, data, columns: { text: 'review' }, out })).rejects.toThrow(said);
});

test('what is refused leaves no text of the user’s and no folder behind', async () => {
  const [model, data] = [bertFolder(), csvFile()];
  const given = { model, data, columns: { text: 'review' } };
  for (const [asked, said] of [
    [{ params: 1 }, '--params 1: no width gives that'],
    [{ epochs: 1, batch: 1000 }, '--batch 1000: there are'],
    [{ samples: 8 }, '--samples: has no effect'],
  ] as const) {
    const [empty, other] = [join(newFolder(), 'out'), newFolder()];
    for (const out of [empty, other]) await expect(setUp({ ...given, ...asked, out })).rejects.toThrow(said);
    expect([existsSync(empty), readdirSync(other)]).toEqual([false, []]);
  }
  const out = newFolder();
  const { spec } = await setUp({ ...given, out });
  const [kept] = readdirSync(join(out, 'work'));
  expect(kept).toMatch(/^data-[0-9a-f]{12}$/);
  expect(spec).toMatchObject({ train: join(out, 'work', kept!, 'train.tsv') });
  expect(readdirSync(join(out, 'work', kept!)).sort()).toEqual(['test.tsv', 'train.tsv', 'validation.tsv']);
  // folders above, too
  const deep = join(newFolder(), 'a', 'b', 'c');
  await expect(setUp({ ...given, params: 1, out: deep })).rejects.toThrow('--params 1');
  expect(existsSync(dirname(dirname(deep)))).toBe(false);
});

test('other data and other networks have files of their own; those of earlier versions are read on', async () => {
  const [model, out, columns] = [bertFolder(), newFolder(), { text: 'review' }];
  const trainOf = async (data: string): Promise<string> => {
    const { spec } = await setUp({ model, data, columns, out });
    return (spec as { train: string }).train;
  };
  const [first, second] = [csvFile(60), csvFile(66)];
  const [one, other] = [await trainOf(first), await trainOf(second)];
  expect(dirname(one)).not.toBe(dirname(other));
  const before = readFileSync(one);
  expect([await trainOf(first), await trainOf(second)]).toEqual([one, other]);
  expect(readFileSync(one)).toEqual(before);
  // as versions left them that knew one name alone
  const old = join(out, 'work', 'data');
  renameSync(dirname(one), old);
  mkdirSync(join(out, 'work', 'runs', 'thin.half.s1.0123456789ab'), { recursive: true });
  expect(await trainOf(first)).toBe(join(old, 'train.tsv'));
  expect(await trainOf(second)).toBe(other);
  expect(readFileSync(join(old, 'train.tsv'))).toEqual(before);
  const prefixed = (seed: number): string => {
    const path = join(newFolder(), 'module.safetensors');
    const { tensors } = readSafetensors(resnetFile(RESNET, seed));
    writeSafetensors(path, Object.fromEntries(Object.entries(tensors).map(([name, one]) => [`module.${name}`, one])));
    return path;
  };
  const pictures = pictureFolder(20);
  const weightsOf = async (file: string): Promise<string> =>
    (await setUp({ model: file, data: pictures, size: 8, out })).source.weights;
  const [a, b] = [prefixed(3), prefixed(4)];
  const [copy, another] = [await weightsOf(a), await weightsOf(b)];
  expect(copy).not.toBe(another);
  expect(await weightsOf(a)).toBe(copy);
});

test('data and a network that would be written over are refused, by whatever links they are named', async () => {
  const [model, table] = [bertFolder(), csvFile()];
  const columns = { text: 'review' };
  const out = newFolder();
  mkdirSync(join(out, 'work', 'data'), { recursive: true });
  cpSync(table, join(out, 'work', 'data', 'train.csv'));
  const inner = join(out, 'work', 'data');
  const over = `${out}: the data there (${inner}) would be written over; choose another folder with --out`;
  await expect(setUp({ model, data: inner, columns, out })).rejects.toThrow(over);
  await expect(planLines({ model, data: inner, columns, out })).rejects.toThrow(over);
  await expect(setUp({ model, data: table, columns, out })).rejects.toThrow(
    `${out}: it has files of something else (${join('work', 'data')}); choose another folder with --out`,
  );
  expect(readdirSync(inner)).toEqual(['train.csv']);
  const finished = newFolder();
  writeFileSync(join(finished, 'card.json'), '{"thin": {"parameters": 778}}');
  cpSync(model, join(finished, 'model'), { recursive: true });
  const link = join(newFolder(), 'link');
  symlinkSync(join(finished, 'model'), link);
  expect(() => checkPlace(finished, link, table)).toThrow(`the network there (${link}) would be written over`);
  const linked = join(newFolder(), 'linked');
  symlinkSync(finished, linked);
  expect(() => checkPlace(linked, join(finished, 'model'), table)).toThrow('would be written over');
});

test('a folder in a split of the data is refused, and so is one among data that are declared', async () => {
  const splits = pictureFolder(2, ['train', 'test']);
  const model = resnetFile();
  const elsewhere = join(newFolder(), 'blue');
  renameSync(join(splits, 'train', 'blue'), elsewhere);
  symlinkSync(elsewhere, join(splits, 'train', 'blue'));
  const link = join(newFolder(), 'link');
  symlinkSync(splits, link);
  for (const [data, part] of [
    [splits, join(splits, 'train')],
    [splits, join(splits, 'test', 'red')],
    [splits, join(splits, 'train', 'new')],
    [splits, join(elsewhere, 'thin')],
    [link, join(splits, 'train', 'red', 'thin')],
    [splits, join(link, 'train')],
  ] as const)
    expect(() => checkPlace(part, model, data)).toThrow(`${part}: it is in the folder of the data (${data})`);
  expect(() => checkPlace(join(splits, 'thin'), model, splits)).not.toThrow();
  const texts = newFolder();
  writeFileSync(join(texts, 'train.txt'), 'a text');
  expect(() => checkPlace(join(texts, 'thin'), model, texts)).toThrow('in the folder of the data');
  const pictures = pictureFolder(20, ['train', 'test']);
  const declared = join(newFolder(), 'd.json');
  writeFileSync(
    declared,
    JSON.stringify({
      set: 'imagefolder',
      folder: pictures,
      size: 8,
      resize: 8,
      validation: 4,
      test: 'test',
      corrupt: 0,
    }),
  );
  const out = join(pictures, 'train', 'thin');
  const said = `${out}: it is in the folder of the data (${pictures})`;
  await expect(setUp({ model, data: declared, out })).rejects.toThrow(said);
  await expect(planLines({ model, data: declared, out })).rejects.toThrow(said);
  expect(existsSync(out)).toBe(false);
  await setUp({ model, data: declared, out: join(pictures, 'thin') });
});

test('an earlier result, an empty folder, and one beside named splits are taken', () => {
  const [model, data, splits] = [bertFolder(), csvFile(), pictureFolder(2, ['train', 'test'])];
  const earlier = newFolder();
  writeFileSync(join(earlier, 'README.md'), 'a card');
  mkdirSync(join(earlier, 'work', 'runs', 'thin.half.s1.0123456789ab'), { recursive: true });
  const finished = newFolder();
  writeFileSync(join(finished, 'card.json'), '{"wide": {}, "thin": {"parameters": 778}}');
  for (const [out, from] of [
    [earlier, data],
    [finished, data],
    [newFolder(), data],
    [join(newFolder(), 'new'), data],
    [join(splits, 'thin'), splits],
    [dirname(data), data],
    [dirname(model), data],
  ] as const)
    expect(() => checkPlace(out, model, from)).not.toThrow();
  expect(replacedResult(earlier)).toEqual([]);
  expect(replacedResult(finished)).toEqual([
    `replaces the network that was made in ${finished} before (778 parameters); its runs stay in ${join(finished, 'work')}`,
  ]);
  expect(() => checkPlace(splits, model, splits)).toThrow('in the folder of the data');
});

test('two results that come to one folder at once are written one after the other', async () => {
  const work = newFolder();
  const [events, notices]: [string[], string[]] = [[], []];
  const write = (name: string) => async (): Promise<string> => {
    events.push(`${name} begins`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    events.push(`${name} ends`);
    return name;
  };
  expect(
    await Promise.all(
      ['a', 'b'].map((name) => whileAlone({ work }, { onNotice: (line) => notices.push(line) }, write(name))),
    ),
  ).toEqual(['a', 'b']);
  expect(events).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
  expect(notices).toEqual([
    `${work}: process ${process.pid} on ${hostname()} writes its result; this one is written after it`,
  ]);
  const fails = whileAlone({ work }, {}, () => Promise.reject(new Error('no space left')));
  await expect(fails).rejects.toThrow('no space left');
  expect(readdirSync(work)).toEqual([]); // the lock is given back
  const stop = new AbortController();
  const waits = whileAlone({ work }, {}, async () => {
    const second = whileAlone({ work }, { onNotice: () => stop.abort(), signal: stop.signal }, () => 'never');
    await expect(second).rejects.toThrow(InterruptedError);
    return 'first';
  });
  expect(await waits).toBe('first');
});
