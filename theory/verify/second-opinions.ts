/** Quantities of the theory by mathjs: another integrator, derivatives as symbols, another quadrature. */
import { chainProduct } from '../exact/chain.js';
import { arcsineKernel } from '../exact/kernels.js';
import { generalizationError } from '../exact/saad-solla.js';
import { saddleVelocity } from '../instances/saddle.js';
import { initialNet } from '../model/particles.js';
import { velocity } from '../network/network.js';
import { CHAIN, COMMITTEE, committee } from './cases.js';
import { check, type Check } from './check.js';
import {
  arcsineByQuadrature,
  chainBySolver,
  committeeBySolver,
  saddleVelocityBySymbols,
  tanhVelocityBySymbols,
} from './symbolic.js';

/** Each quantity by mathjs against the simulator's own. Importing this file loads mathjs, which is large. */
export function secondOpinions(): Check[] {
  const chain = chainBySolver(CHAIN, 2, 0.5);
  const saddle = { g: 1.3, kappa: 4, depth: 3 };
  const theta = Float64Array.of(0.1, -0.2, 0.3);
  const own = saddleVelocity(saddle, theta);
  const bySolver = committeeBySolver(COMMITTEE, 0.5, 2);
  const exact = (id: string, expected: number, measured: number): Check =>
    check(id, 'exact', expected, measured, 1e-8 * Math.abs(expected));
  const net = initialNet(4, { depth: 1, m: 1, d: 1, alpha: 0, c: 1 }, { rho: 0 });
  const { a, b, bias } = net.layers[0]!;
  const step = velocity(net, { n: 1, x: Float64Array.of(0.7), y: Float64Array.of(0.2) });
  const symbols = tanhVelocityBySymbols({ a: a[0]!, b: b[0]!, bias: bias[0]!, x: 0.7, y: 0.2 });
  return [
    exact('chain P(0.5), against the ODE solver of mathjs', chain, chainProduct(CHAIN, 2, 0.5)),
    exact('committee eps_g(2), against the ODE solver of mathjs', generalizationError(bySolver), committee(2)),
    ...saddleVelocityBySymbols(saddle, theta).map((expected, l) =>
      exact(`saddle velocity ${l + 1}, against its symbolic derivative`, expected, own[l]!),
    ),
    ...(['a', 'b', 'bias'] as const).map((name) =>
      exact(`kernel's velocity of ${name}, against its symbolic derivative`, symbols[name], step.layers[0]![name][0]!),
    ),
    arcsineSecondOpinion(),
  ];
}

function arcsineSecondOpinion(): Check {
  const covariance = { uu: 1, uv: 0.5, vv: 1 };
  return check(
    'arcsine kernel, against quadrature of the definition',
    'exact',
    arcsineByQuadrature(covariance),
    arcsineKernel(covariance),
    1e-8,
  );
}
