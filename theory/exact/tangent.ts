/**
 * The tangent kernel of one layer of infinitely many particles, for erf and rho = 0 (Jacot, Gabriel, Hongler 2018, in
 * mean-field scaling).
 */
import { checkAllFinite, checkFinite } from '../../src/core/range.js';
import { arcsineKernel, arcsineDerivativeKernel, type Covariance } from './kernels.js';

/** A layer of particles with rho = 0: the scale c of its sum, and the standard deviations of a, b and the bias. */
export interface LayerLaw {
  readonly c: number;
  readonly sa: number;
  readonly sb: number;
  readonly sbias: number;
}

function covarianceOf({ c, sa, sb, sbias }: LayerLaw, x: Float64Array, y: Float64Array): Covariance {
  checkFinite('kernel of a layer: c', c);
  for (const [name, std] of Object.entries({ sa, sb, sbias })) checkFinite(`kernel of a layer: ${name}`, std, 0);
  for (const [name, point] of Object.entries({ x, y })) checkAllFinite(`kernel of a layer: ${name}`, point);
  if (x.length !== y.length)
    throw new RangeError(`kernel of a layer: expected two points of one dimension, got ${x.length} and ${y.length}`);
  const dot = (u: Float64Array, v: Float64Array): number => u.reduce((sum, value, k) => sum + value * v[k]!, 0);
  const entry = (u: Float64Array, v: Float64Array): number => sa * sa * dot(u, v) + sbias * sbias;
  return { uu: entry(x, x), uv: entry(x, y), vv: entry(y, y) };
}

/**
 * Covariance of sqrt(m) (z_1(x) - alpha x) and sqrt(m) (z_1(y) - alpha y) in each coordinate at time zero: c^2 sb^2
 * E[t(x) t(y)]. x, y are [d]. The Gaussian-process kernel of the layer (Neal 1996; Williams 1997). Throws RangeError on
 * points or a law that are none.
 */
export function processKernel(law: LayerLaw, x: Float64Array, y: Float64Array): number {
  return law.c ** 2 * law.sb ** 2 * arcsineKernel(covarianceOf(law, x, y));
}

/**
 * Theta(x, y), a multiple of the identity: dz(x)/dt = - E_y[Theta(x, y) p(y)] at time zero, with
 * Theta = c^2 (E[t(x) t(y)] + sb^2 (x . y + 1) E[t'(x) t'(y)]). x, y are [d]. Throws RangeError as
 * {@link processKernel} does.
 */
export function tangentKernel(law: LayerLaw, x: Float64Array, y: Float64Array): number {
  const C = covarianceOf(law, x, y);
  const dot = x.reduce((sum, value, k) => sum + value * y[k]!, 0);
  return law.c ** 2 * (arcsineKernel(C) + law.sb ** 2 * (dot + 1) * arcsineDerivativeKernel(C));
}
