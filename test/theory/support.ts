import { mayOpenNative } from '../../theory/kernel/native.js';
import { initialNet, type Net } from '../../theory/model/particles.js';

/** A small net with particles in general position. */
export function smallNet(seed = 1, depth = 3, m = 6, d = 3, alpha = 1): Net {
  return initialNet(seed, { depth, m, d, alpha, c: 1.5 }, { rho: 0.5 });
}

/** Whether tests of the native kernel are to be skipped: there is no compiler. One that does not build fails them. */
export function nativeSkip(): boolean {
  return !mayOpenNative();
}
