/** What forms of the kernel take, by which studies are priced. */
import { describe, expect, test } from 'vitest';
import { KERNEL_SECONDS, kernelSeconds, type KernelSeconds } from '../../theory/kernel/seconds.js';

describe('seconds of a kernel', () => {
  const kernel: KernelSeconds = {
    block: 4,
    step: { fixed: 1, each: 2 },
    pass: { fixed: 3, each: 0 },
    tangent: { fixed: 0, each: 5 },
  };

  test('[b] are linear in the dimension, and in what is done', () => {
    expect(kernelSeconds({ d: 3, samples: 8, steps: 10 }, kernel)).toBe(8 * 10 * (1 + 2 * 3));
    expect(kernelSeconds({ d: 3, samples: 8, passes: 10 }, kernel)).toBe(8 * 10 * 3);
    expect(kernelSeconds({ d: 3, samples: 8, tangents: 10 }, kernel)).toBe(8 * 10 * 5 * 3);
    const all = { steps: 1, passes: 2, tangents: 3 };
    expect(kernelSeconds({ d: 3, samples: 8, ...all }, kernel)).toBe(8 * (1 * 7 + 2 * 3 + 3 * 15));
    expect(kernelSeconds({ d: 3, samples: 8 }, kernel)).toBe(0);
  });

  test('[b] are those of whole blocks of samples', () => {
    const seconds = (samples: number): number => kernelSeconds({ d: 1, samples, passes: 1 }, kernel);
    expect([1, 4, 5].map(seconds)).toEqual([12, 12, 24]);
  });

  test('are the native kernel’s unless given', () => {
    const work = { d: 4, samples: 64, steps: 1e6 };
    expect(kernelSeconds(work)).toBe(kernelSeconds(work, KERNEL_SECONDS.native));
  });
});
