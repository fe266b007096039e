import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Point, Setting } from '../../../reports/client/experiment.js';
import { explore } from '../../../reports/client/explore.js';
import {
  addressOf,
  boundOf,
  commandOf,
  declarationOf,
  fitted,
  inWords,
  limitsOf,
  lostInWords,
  MODELS,
  PRESETS,
  settingAt,
  START,
  startOf,
  type Lost,
} from '../../../reports/client/setting.js';
import { logTicks } from '../../../reports/client/ticks.js';
import { parseStudySpec } from '../../../theory/studies/study.js';
import { saddleStudy } from '../../../theory/studies/saddle.js';
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
    ['#laboratory:saddle', startOf('saddle')],
    ['#laboratory:saddle,depth=4,m=65536', { ...startOf('saddle'), depth: 4, m: 65536 }],
  ])('%s stands for one setting, and that setting for it', (hash, setting) => {
    expect(settingAt(hash)).toEqual(setting);
    expect(addressOf(setting).split(/[:,]/).sort()).toEqual(hash.split(/[:,]/).sort());
  });

  test('of something else is none, and values that no dial has are held within its ends', () => {
    expect(settingAt('#resnet')).toBeUndefined();
    expect(settingAt('#laboratory:depth=1e9,m=33,c=x,none=1')).toEqual({ ...START, depth: 12, m: 32 });
    expect(settingAt('#laboratory:saddle,wide=128,depth=99')).toEqual(startOf('saddle'));
    expect(settingAt('#laboratory:m=-3,time=1.33,c=-0')).toEqual({ ...START, m: 8, time: 1.4, c: 0.2 });
  });

  test.each([
    ['m=256,wide=128', 64],
    ['m=128,wide=128', 64],
    ['m=256,wide=256', 128],
    ['m=64,wide=128', 64],
    ['m=256,wide=512', 256],
  ])('of a thin net that is no thinner than the wide one is that of the widest that is: %s', (parts, m) => {
    const setting = settingAt(`#laboratory:${parts}`)!;
    expect(setting.m).toBe(m);
    expect(setting.m).toBeLessThan(setting.wide);
    expect(fitted(setting)).toEqual(setting);
    expect(boundOf(setting, 'm')?.why).toBe(setting.wide < 512 ? 'less than M' : undefined);
    expect(boundOf(setting, 'wide')).toBeUndefined();
  });
});

describe('extremes of the sliders', () => {
  const ends: Setting[] = [
    fitted({ ...START, depth: 1, m: 256, wide: 128, alpha: 0, c: 0.2, rho: 0, time: 0.2 }),
    fitted({ ...START, depth: 2, m: 256, wide: 128, alpha: 1.2, c: 4, rho: 1, time: 5, seed: 99 }),
    { ...startOf('saddle'), depth: 1, m: 256, alpha: 0.8, c: 2, time: 2 ** -9 },
  ];
  test.each(ends)('have points at every place: $model, L = $depth, c = $c', (setting) => {
    const points = pointsOf(setting);
    for (const law of ['D(m)', 'D(L)'] as const) {
      const xs = points.filter((point) => point.law === law).map(({ x }) => x);
      const all = law === 'D(m)' ? MODELS[setting.model].widths(setting) : [1, 2].slice(0, setting.depth);
      expect(xs.sort((a, b) => a - b)).toEqual(all);
    }
  });

  test('where training explodes, each place is named once, and what helps', () => {
    const setting: Setting = { ...startOf('saddle'), alpha: 1.4, c: 6, time: 0.5 };
    const lost: Lost[] = [];
    explore(
      setting,
      () => {},
      (law, x) => lost.push({ law, x }),
    );
    expect(lostInWords(setting, lost)).toBe(
      'Left out, as direct training left the numbers of float64 there: m = 2⁸, 2¹⁶, 2²⁴, 2³², 2⁴⁰; L = 7, 8, 9, 10. ' +
        'A shorter time T or a smaller target κ helps.',
    );
    expect(lostInWords(setting, [])).toBe('');
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
      expect(found('imitation')).toBeCloseTo(imitation!, 10);
    }
  });

  test('of the saddle is declared, and finds what the laboratory finds', async () => {
    const saddle: Setting = { ...startOf('saddle'), depth: 4 };
    const rows = await saddleStudy.run(parseStudySpec(saddleStudy, declarationOf(saddle)), saddle.seed, () =>
      Promise.resolve(),
    );
    const points = pointsOf(saddle).filter(({ law }) => law === 'D(L)');
    expect(points.map(({ x }) => x)).toEqual([1, 2, 3, 4]);
    for (const { x, direct, directLimit } of points) {
      const row = rows.find(({ depth }) => depth === x)!;
      const root = Math.sqrt(saddle.m);
      expect(direct * root).toBeCloseTo(Number(row.direct), 10);
      expect(directLimit! * root).toBeCloseTo(Number(row.directTheory), 10);
    }
    expect(commandOf(saddle)).toMatch(/gowide theory run saddle --config laboratory\.json --seed 1 --seeds 1$/);
  });
});

describe('presets show what they say', () => {
  const found = new Map<string, Point[]>();
  const pointsAt = (name: string): Point[] => {
    if (!found.has(name)) found.set(name, pointsOf(PRESETS[name]!));
    return found.get(name)!;
  };
  const hereAt = (name: string): Point =>
    pointsAt(name).find(({ law, x }) => law === 'D(m)' && x === PRESETS[name]!.m)!;
  const [loses, wins, selection] = [
    'skip: direct training is closer here',
    'no skip, c = 3: imitation wins',
    'selection beats sampling',
  ] as const;

  test('imitation wins, or direct training does', () => {
    expect(hereAt(wins).imitation).toBeLessThan(hereAt(wins).direct);
    expect(inWords(PRESETS[wins]!, pointsAt(wins))).toMatch(/^At m = 32 and L = 6 imitation ends/);
    expect(hereAt(loses).direct).toBeLessThan(hereAt(loses).imitation!);
    expect(inWords(PRESETS[loses]!, pointsAt(loses))).toMatch(/^At m = 32 and L = 6 direct training ends/);
  });

  test('selection beats sampling', () => {
    const { chosen, sampled } = hereAt(selection);
    expect(chosen).toBeLessThan(sampled! / 1.5);
    expect(inWords(PRESETS[selection]!, pointsAt(selection))).toMatch(
      /Before any training, particles that are chosen by herding are \d\.\d times as near to it as those drawn\./,
    );
  });

  test('the saddle grows double exponentially', () => {
    const name = 'two-mode saddle: double exponential';
    expect(inWords(PRESETS[name]!, pointsAt(name))).toMatch(/faster than exponentially, as exp of an exponential\.$/);
    // at its width the saddle is in the linear regime, where the closed form holds
    for (const { direct, directLimit } of pointsAt(name).filter(({ law }) => law === 'D(L)'))
      expect(Math.abs(Math.log(direct / directLimit!))).toBeLessThan(0.6);
  });

  test.each([loses, selection])('limits stand beside the measured discrepancies: %s', (name) => {
    const setting = PRESETS[name]!;
    const limits = limitsOf(setting);
    expect(limits.map(({ column }) => column)).toEqual(['direct', 'imitation']);
    for (const { column, at } of limits) {
      const ratios = MODELS.particles.widths(setting).map((m) => {
        const point = pointsAt(name).find(({ law, x }) => law === 'D(m)' && x === m)!;
        return Math.log(point[column]! / at(m));
      });
      // six thin nets of one seed: their mean is within a factor of 1.4 of the limit
      expect(Math.abs(ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length)).toBeLessThan(Math.log(1.4));
    }
    expect(limitsOf({ ...setting, seed: 2 })).toEqual([]);
  });
});

test('ticks of a logarithmic axis stand around its values', () => {
  expect(logTicks(0.13, 0.9)).toEqual([0.1, 0.2, 0.5, 1]);
  expect(logTicks(3e-5, 0.2)).toEqual([1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1]);
  expect(logTicks(0.5, 0.5)).toEqual([0.5]);
  const many = logTicks(3e-7, 2e115);
  expect(many.length).toBeLessThanOrEqual(8);
  expect(many[0]).toBeLessThanOrEqual(3e-7);
  expect(many.at(-1)).toBeGreaterThanOrEqual(2e115);
});
