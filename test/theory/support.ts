import { openKernel } from '../../theory/kernel/kernel.js';
import { initialNet, type Net } from '../../theory/model/particles.js';

/** A small net with particles in general position. */
export function smallNet(seed = 1, depth = 3, m = 6, d = 3, alpha = 1): Net {
  return initialNet(seed, { depth, m, d, alpha, c: 1.5 }, { rho: 0.5 });
}

/** Whether tests of the native kernel are to be skipped: there is no compiler. */
export function nativeSkip(): boolean {
  try {
    openKernel('native', 1);
    return false;
  } catch {
    return true;
  }
}
