/** Where results go: nothing of the user's is written over. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
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
