/** Where results go: nothing of the user's is written over. */
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { planLines } from '../../cli/commands/thin.js';
import { checkPlace, replacedResult } from '../../src/thin/place.js';
import { setUp } from '../../src/thin/plan.js';
import { bertFolder, csvFile, newFolder, pictureFolder } from './support.js';

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
  expect(spec).toMatchObject({ train: join(out, 'work', 'data', 'train.tsv') });
  expect(readdirSync(join(out, 'work', 'data')).sort()).toEqual(['test.tsv', 'train.tsv', 'validation.tsv']);
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
