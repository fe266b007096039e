import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { cellId, type Cell, type RunContext } from '../../src/core/run.js';
import { endRuns, followRuns, leading, StoreWait } from '../../src/distributed/run.js';
import { newWorkers } from './support.js';

const cell: Cell = { experiment: 'x', arm: 'a', scale: 'minutes', kind: 'k', seed: 1, spec: {} };

test('worker 0 may wait for its store longer than workers wait for one that is silent', async () => {
  const [first, second] = await newWorkers(2, () => ({ seconds: 1 }));
  const waits = new StoreWait(() => first!.alive());
  const required = { a: { shape: [1], values: Float32Array.of(7) } };
  const context = {
    cell,
    seed: 1,
    resumed: undefined,
    require: async () => {
      await sleep(1800); // the lock of the run that is required, or the hashes of its data
      return required;
    },
  } as unknown as RunContext;
  const executor = async (one: RunContext): Promise<{ result: Record<string, number> }> => {
    const { a } = await one.require(cell);
    return { result: { a: a!.values[0]! } };
  };
  const lead = async (): Promise<unknown> => {
    waits.begin();
    try {
      await sleep(1800); // the same, for the run itself
      const outcome = await leading(executor, first!, waits)(context);
      await endRuns(first!);
      return outcome;
    } finally {
      waits.end();
    }
  };
  const follow = followRuns(second!, {
    cells: new Map([[cellId(cell), cell]]),
    executors: { k: executor },
    signal: new AbortController().signal,
    progress: () => {},
  });
  expect(await Promise.all([lead(), follow])).toEqual([{ result: { a: 7 } }, undefined]);
  first!.close();
  second!.close();
});

test('while it computes, silence still counts', async () => {
  const [first, second] = await newWorkers(2, () => ({ seconds: 1 }));
  const waits = new StoreWait(() => first!.alive());
  waits.begin();
  const executor = async (): Promise<{ result: Record<string, number> }> => {
    await sleep(2500); // as an accelerator that has stopped: this thread is free
    return { result: {} };
  };
  const context = { cell, seed: 1, resumed: undefined } as unknown as RunContext;
  const led = leading(executor, first!, waits)(context);
  const follow = followRuns(second!, {
    cells: new Map([[cellId(cell), cell]]),
    executors: { k: ({ workers }) => workers!.sum(new Float32Array(4)).then(() => ({ result: {} })) },
    signal: new AbortController().signal,
    progress: () => {},
  });
  await expect(follow).rejects.toThrow('has said nothing for 1 s');
  await led;
  waits.end();
});
