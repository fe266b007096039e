import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { explore, type Point, type Setting } from '../../../reports/client/experiment.js';
import {
  addressOf,
  commandOf,
  declarationOf,
  inWords,
  PRESETS,
  settingAt,
  START,
} from '../../../reports/client/setting.js';
import { logTicks } from '../../../reports/client/ticks.js';
import { parseStudySpec } from '../../../theory/studies/study.js';
import { widthStudy } from '../../../theory/studies/width.js';
import { gowideHere, newFolder } from '../../support/program.js';

const pointsOf = (setting: Setting): Point[] => {
  const points: Point[] = [];
  explore(
    setting,
    (point) => points.push(point),
    () => {},
  );
  return points;
};

describe('the laboratory’s address', () => {
  test.each<[string, Setting]>([
    ['#laboratory', START],
    ['#laboratory:depth=3,alpha=0,rho=0.5', { ...START, depth: 3, alpha: 0, rho: 0.5 }],
    ['#laboratory:m=8,wide=2048,seed=7', { ...START, m: 8, wide: 2048, seed: 7 }],
  ])('%s stands for one setting, and that setting for it', (hash, setting) => {
    expect(settingAt(hash)).toEqual(setting);
    expect(addressOf(setting).split(/[:,]/).sort()).toEqual(hash.split(/[:,]/).sort());
  });

  test('of something else is none, and values that no dial has are held within its ends', () => {
    expect(settingAt('#resnet')).toBeUndefined();
    expect(settingAt('#laboratory:depth=1e9,m=33,c=x,none=1')).toEqual({ ...START, depth: 12, m: 32 });
  });
});

describe('the command line that does the same', () => {
  const setting: Setting = { ...START, depth: 2, wide: 128, time: 0.4, seed: 3 };

  test('writes a declaration that the program takes', async () => {
    const [, declaration, command] = /^echo '(.*)' > laboratory\.json && gowide (.*)$/.exec(commandOf(setting))!;
    const file = join(newFolder(), 'laboratory.json');
    writeFileSync(file, declaration!);
    const words = command!.split(' ').map((word) => (word === 'laboratory.json' ? file : word));
    const { status, stdout, stderr } = await gowideHere([...words, '--print-config']);
    expect([status, stderr]).toEqual([0, '']);
    expect(Object.values(JSON.parse(stdout) as object)).toEqual([declarationOf(setting)]);
  });

  test('finds what the laboratory finds, but for the factor of drawing without replacement', async () => {
    const spec = parseStudySpec(widthStudy, declarationOf(setting));
    const rows = await widthStudy.run(spec, setting.seed, () => Promise.resolve());
    for (const { x, direct, imitation } of pointsOf(setting).filter(({ law }) => law === 'D(m)')) {
      const found = (training: string): number =>
        Number(rows.find((row) => row.training === training && row.m === x)!.discrepancy) /
        Math.sqrt((setting.wide - 1) / (setting.wide - x));
      expect(found('direct')).toBeCloseTo(direct, 10);
      expect(found('imitation')).toBeCloseTo(imitation, 10);
    }
  });
});

describe('presets show what they say', () => {
  test.each([
    ['no skip, c = 3: imitation wins', 'imitation'],
    ['skip: direct training is closer here', 'direct'],
  ] as const)('%s', (name, nearer) => {
    const setting = { ...START, ...PRESETS[name] };
    const points = pointsOf(setting);
    const here = points.find(({ law, x }) => law === 'D(m)' && x === setting.m)!;
    expect(here.imitation < here.direct ? 'imitation' : 'direct').toBe(nearer);
    expect(inWords(setting, points)).toMatch(
      nearer === 'imitation' ? /^At m = 32 and L = 6 imitation ends/ : /^At m = 32 and L = 6 direct training ends/,
    );
  });
});

test('ticks of a logarithmic axis stand around its values', () => {
  expect(logTicks(0.13, 0.9)).toEqual([0.1, 0.2, 0.5, 1]);
  expect(logTicks(3e-5, 0.2)).toEqual([1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1]);
  expect(logTicks(0.5, 0.5)).toEqual([0.5]);
});
