/** The saddle and the scalar chain by particles, by exactly drawn means, and in closed form. */
import { normals, rngKey } from '../../src/core/rng.js';
import { chainDiscrepancy, chainProduct } from '../exact/chain.js';
import { chainByMeans, chainByParticles } from '../instances/chain.js';
import {
  directLimit,
  layerMeans,
  saddleDiscrepancy,
  saddleTelescope,
  telescopedLimit,
  trainSaddle,
} from '../instances/saddle.js';
import { CHAIN } from './cases.js';
import { particle, repeat, type Check } from './check.js';

/** Simulated instances against their closed forms. */
export function instanceChecks(): Check[] {
  const B1 = { g: 1, kappa: 4, depth: 6 };
  const m = 4096;
  const theta = (draw: number): Float64Array =>
    layerMeans(normals(rngKey(draw, 'verify', 'saddle'), B1.depth * m), B1.depth);
  const drawn = (draw: number): Float64Array =>
    normals(rngKey(draw, 'verify', 'saddle means'), B1.depth).map((z) => z / 1e6);
  const wide = chainProduct(CHAIN, 2, 0.2);
  const limit = chainDiscrepancy(CHAIN, 2, 0.2) ** 2;
  return [
    particle(
      'saddle B1 m D^2, particles, T = 0.1',
      directLimit(B1, 0.1) ** 2,
      repeat(300, (i) => m * saddleDiscrepancy(B1, trainSaddle(B1, theta(i), 0.1, 50)) ** 2),
    ),
    particle(
      'saddle B1 m D^2, drawn means, T = 0.4',
      directLimit(B1, 0.4) ** 2,
      repeat(400, (i) => 1e12 * saddleDiscrepancy(B1, trainSaddle(B1, drawn(i), 0.4, 100)) ** 2),
    ),
    particle(
      'saddle B1 sqrt(m) sum h_l, drawn means',
      telescopedLimit(B1),
      repeat(400, (i) => 1e6 * saddleTelescope(B1, drawn(i))),
    ),
    particle(
      'chain m D^2, drawn means, T = 0.2',
      limit,
      repeat(300, (i) => 1e8 * (chainByMeans(CHAIN, 2, 0.2, 1e8, i) - wide) ** 2),
    ),
    particle(
      'chain m D^2, particles, T = 0.2',
      limit,
      repeat(
        200,
        (i) =>
          4096 * (chainByParticles({ initial: CHAIN, y: 2, time: 0.2 }, { m: 4096, seed: i, steps: 500 }) - wide) ** 2,
      ),
    ),
  ];
}
