/** Settings that several groups of checks share. */
import type { Committee } from '../exact/saad-solla.js';
import { generalizationError, solveCommittee } from '../exact/saad-solla.js';
import type { Radial } from '../exact/radial.js';

/** Initial weights of the scalar chain; its target is 2. */
export const CHAIN = [0.9, 1, 1.1];
/** Instance B of the symmetric saddle. */
export const B = { g: 1.3, kappa: 4, depth: 6 };
/** Overlaps at the start of the soft committee machine, K = M = 2. */
export const COMMITTEE: Committee = {
  Q: [
    [0.25, 0],
    [0, 0.16],
  ],
  R: [
    [0.1, 0.02],
    [0.03, 0.08],
  ],
  T: [
    [1, 0],
    [0, 1],
  ],
};
/** The radial mean field. */
export const RADIAL: Radial = { taus: [1.4, 0.6], targets: [1, -1], scale: 6, shape: 4, rate: 4 };

/** Generalization error of that committee machine at `alpha` examples per input dimension, eta = 0.5. */
export const committee = (alpha: number): number => generalizationError(solveCommittee(COMMITTEE, 0.5, alpha));
