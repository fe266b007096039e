import { describe, expect, test } from 'vitest';
import { FailureError, naming, nearestName, rewording, UsageError } from '../../src/core/errors.js';

const usage = (): never => {
  throw new UsageError('wrong');
};

describe('the message of a UsageError is worded anew', () => {
  test('where it is thrown at once, and where a promise brings it; the first error is the cause', async () => {
    expect(() => naming('a.json', usage)).toThrow(new UsageError('a.json: wrong'));
    await expect(naming('a.json', () => Promise.resolve().then(usage))).rejects.toThrow(
      new UsageError('a.json: wrong'),
    );
    const cause = new UsageError('wrong');
    const reworded = rewording(
      () => 'right',
      () => Promise.reject(cause),
    );
    await expect(reworded).rejects.toMatchObject({ name: 'UsageError', message: 'right', cause });
  });

  test('and no other error, nor one without a file', () => {
    const failed = new FailureError('no space');
    expect(() =>
      naming('a.json', () => {
        throw failed;
      }),
    ).toThrow(failed);
    expect(() => naming(undefined, usage)).toThrow(new UsageError('wrong'));
  });

  test('and what is returned stays as it is', async () => {
    expect(naming('a.json', () => 1)).toBe(1);
    await expect(naming('a.json', () => Promise.resolve(1))).resolves.toBe(1);
  });
});

test('a name is suggested that has most of the letters; of numbers and single letters none', () => {
  expect(nearestName('trian', ['tune', 'train'])).toBe('train');
  expect(nearestName('He', ['he', 'uniform'])).toBe('he');
  expect(nearestName('b', ['A', 'B'])).toBe('B');
  expect(nearestName('WIDTH', ['width', 'depth'])).toBe('width');
  for (const [given, known] of [
    ['foo', ['pool', 'bullmq']],
    ['2', ['1', '3', '6']],
    ['18', ['16', '32']],
    ['x', ['a', 'b']],
  ] as const)
    expect(nearestName(given, known)).toBeUndefined();
});
