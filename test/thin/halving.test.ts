/** Which candidates get how many steps, and how narrow the thin net is. */
import { expect, test } from 'vitest';
import { parameterCount, preset } from '../../src/models/index.js';
import { halve, roundsOf } from '../../src/thin/halving.js';
import { narrowed } from '../../src/thin/size.js';

test('nine candidates get a ninth of the steps, three a third, one all', () => {
  expect(roundsOf(9, 900)).toEqual([
    { candidates: 9, steps: 100 },
    { candidates: 3, steps: 300 },
    { candidates: 1, steps: 900 },
  ]);
  expect(roundsOf(1, 50)).toEqual([{ candidates: 1, steps: 50 }]);
});

test('the best of each round go on; one that failed does not', async () => {
  const { best, scored } = await halve([1, 2, 3, 4], 90, (candidate) =>
    Promise.resolve(candidate === 4 ? undefined : candidate),
  );
  expect(best).toBe(3);
  expect(scored.map(({ candidate, round }) => [candidate, round])).toEqual([
    [1, 1],
    [2, 1],
    [3, 1],
    [4, 1],
    [3, 2],
  ]);
  expect((await halve([1, 2], 9, () => Promise.resolve(undefined))).best).toBeUndefined();
});

test('where the best of a short round fails in the long one, the next best takes its place', async () => {
  const { best, scored } = await halve([1, 2, 3, 4], 90, (candidate, steps) =>
    Promise.resolve(steps === 90 && candidate > 2 ? undefined : candidate),
  );
  expect(best).toBe(2);
  expect(scored.slice(4).map(({ candidate, round, score }) => [candidate, round, score])).toEqual([
    [4, 2, undefined],
    [3, 2, undefined],
    [2, 2, 2],
  ]);
});

test('a width is found that has so many parameters, or so few operations; more than the wide net has is refused', () => {
  const wide = preset('minilm-6x384');
  const thin = narrowed(wide, { params: 9e6 }, [3, 32]);
  expect(parameterCount(thin)).toBeLessThanOrEqual(9e6);
  expect(thin).toMatchObject({ numHeads: 6, hiddenSize: 192 });
  expect(narrowed(preset('resnet18'), { speed: 3.5 }, [32, 32, 3])).toMatchObject({ planes: 33 });
  expect(() => narrowed(wide, { params: 30e6 }, [3, 32])).toThrow('expected fewer');
  expect(() => narrowed(wide, { width: 1 }, [3, 32])).toThrow('expected a factor above 0 and below 1');
  expect(() => narrowed(wide, { params: 1000 }, [3, 32])).toThrow('the narrowest has');
});
