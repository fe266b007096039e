import { expect, test } from 'vitest';
import { SaveInterval } from '../../src/store/save-interval.js';

/** A clock of milliseconds that moves when it is told to. */
function clock(): { now: () => number; pass: (seconds: number) => void } {
  let at = 5_000;
  return { now: () => at, pass: (seconds) => void (at += 1000 * seconds) };
}

test('what costs little is saved every ten seconds', () => {
  const { now, pass } = clock();
  const interval = new SaveInterval(undefined, now);
  for (let round = 0; round < 3; round++) {
    pass(9.9);
    expect(interval.isDue()).toBe(false);
    pass(0.2);
    expect(interval.isDue()).toBe(true);
    interval.save(() => pass(0.4));
  }
  expect(interval.isDue()).toBe(false);
});

test('what takes ten seconds is saved 200 seconds later, and by the last cost alone', () => {
  const { now, pass } = clock();
  const interval = new SaveInterval(undefined, now);
  pass(11);
  expect(interval.isDue()).toBe(true);
  pass(3); // the state is read from the engine
  interval.save(() => pass(7));
  pass(199);
  expect(interval.isDue()).toBe(false);
  pass(2);
  expect(interval.isDue()).toBe(true);
  interval.save(() => pass(0.1));
  pass(10.1);
  expect(interval.isDue()).toBe(true);
});

test('a disk that once stood still for an hour costs twenty minutes, not a day', () => {
  const { now, pass } = clock();
  const interval = new SaveInterval(undefined, now);
  pass(11);
  expect(interval.isDue()).toBe(true);
  interval.save(() => pass(3600));
  pass(1199);
  expect(interval.isDue()).toBe(false);
  pass(2);
  expect(interval.isDue()).toBe(true);
});

test.each([0.1, 1, 10, 60])('a run of a day spends at most a twentieth on savings of %d s', (cost) => {
  const { now, pass } = clock();
  const interval = new SaveInterval(undefined, now);
  let [saved, trained] = [0, 0];
  while (trained < 86_400) {
    if (interval.isDue()) {
      interval.save(() => pass(cost));
      saved++;
    }
    pass(0.7);
    trained += 0.7;
  }
  expect(saved).toBeGreaterThan(60);
  expect((saved * cost) / trained).toBeLessThan(0.05);
});

test('seconds that were asked for hold whatever a saving costs, 0 for every step', () => {
  const { now, pass } = clock();
  const interval = new SaveInterval(2, now);
  for (let round = 0; round < 3; round++) {
    pass(2.1);
    expect(interval.isDue()).toBe(true);
    interval.save(() => pass(30));
    expect(interval.isDue()).toBe(false);
  }
  const every = new SaveInterval(0, now);
  for (let step = 0; step < 3; step++) {
    pass(0.001);
    expect(every.isDue()).toBe(true);
    every.save(() => pass(1));
  }
});

test('a saving that fails is due again, and one that nobody waited for counts its own time', () => {
  const { now, pass } = clock();
  const interval = new SaveInterval(undefined, now);
  pass(11);
  expect(interval.isDue()).toBe(true);
  expect(() =>
    interval.save(() => {
      throw new Error('no space left');
    }),
  ).toThrow('no space left');
  expect(interval.isDue()).toBe(true);
  expect(new SaveInterval(undefined, now).isDue()).toBe(false);
  const told = new SaveInterval(undefined, now);
  pass(8);
  told.save(() => pass(1));
  pass(19);
  expect(told.isDue()).toBe(false);
  pass(1.1);
  expect(told.isDue()).toBe(true);
});

test('seconds that are no number are refused: nothing would ever be saved', () => {
  expect(() => new SaveInterval(NaN)).toThrow('SaveInterval: seconds: expected a number, got NaN');
});
