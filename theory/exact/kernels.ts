/** Gaussian averages of g(u) = erf(u / sqrt 2): E over (u, v) ~ N(0, C), with C a 2 x 2 covariance. */

/** C, of two Gaussian variables u and v with mean 0. */
export interface Covariance {
  readonly uu: number;
  readonly uv: number;
  readonly vv: number;
}

/**
 * E[erf(u/sqrt 2) erf(v/sqrt 2)] = (2/pi) asin(C_uv / sqrt((1 + C_uu)(1 + C_vv))). Williams 1997; Saad & Solla 1995.
 */
export function arcsineKernel({ uu, uv, vv }: Covariance): number {
  return (2 / Math.PI) * Math.asin(uv / Math.sqrt((1 + uu) * (1 + vv)));
}

/** E[g'(u) g'(v)] for g = erf(u/sqrt 2): (2/pi) / sqrt((1 + C_uu)(1 + C_vv) - C_uv^2). */
export function arcsineDerivativeKernel({ uu, uv, vv }: Covariance): number {
  return 2 / Math.PI / Math.sqrt((1 + uu) * (1 + vv) - uv * uv);
}
