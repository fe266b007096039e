/** Runs that are stopped in the middle of their stages end with the bits of those that are not, with oneDNN, too. */
import { beforeAll, expect, test } from 'vitest';
import { anyEngine } from '../support/engines.js';
import { ARMS, bytes, cellOf, newFolder, run } from './arms.js';

beforeAll(async () => {
  await anyEngine();
  process.env.GOWIDE_CACHE = newFolder(); // prepared texts
});

test.each(Object.keys(ARMS))('%s: stopped and resumed, the same bits', async (name) => {
  const whole = await run(cellOf(name), newFolder());
  const out = newFolder();
  let stops = 0;
  for (;;) {
    const stop = new AbortController();
    let steps = 0;
    // three steps, then two: inside the stages as well as at their ends
    const progress = (): void => void (++steps === (stops % 2 === 0 ? 3 : 2) && stop.abort());
    const ended = await run(cellOf(name), out, { signal: stop.signal, progress }).catch((error: Error) => {
      if (error.name !== 'InterruptedError') throw error;
    });
    if (ended !== undefined) {
      expect(bytes(ended.folder)).toEqual(bytes(whole.folder));
      break;
    }
    stops++;
    expect(stops).toBeLessThan(50);
  }
  expect(stops).toBeGreaterThan(0);
});
