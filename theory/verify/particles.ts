/** Finite nets of particles against their exact limits at time zero. */
import { normals, rngKey } from '../../src/core/rng.js';
import { cltConstant } from '../exact/clt.js';
import { sampledLayerVariance } from '../exact/sampling.js';
import { processKernel, tangentKernel } from '../exact/tangent.js';
import { copyNet, initialNet, thinNet } from '../model/particles.js';
import { rmsDistance } from '../network/discrepancy.js';
import { layerForward, output, velocity } from '../network/network.js';
import { particle, repeat, type Check } from './check.js';

/** sqrt(m) D at time zero, L layers, from particles: one figure for each draw, rms over points. */
function particleClt(depth: number): Check {
  const [d, m, draws] = [4, 1024, 40];
  // For m = infinity every layer is the identity. New points for each draw, so that the draws are independent in both.
  const squares = repeat(draws, (draw) => {
    const x = normals(rngKey(draw, 'clt', 'x'), 256 * d);
    return m * rmsDistance(output(initialNet(draw, { depth, m, d, alpha: 1, c: 1 }, { rho: 0 }), x), x, d) ** 2;
  });
  return particle(`clt m D^2, particles, d = 4, L = ${depth}`, cltConstant({ d, depth }) ** 2, squares);
}

/** Mean square of a sampled layer's error against the finite-population formula. */
function finitePopulation(): Check {
  const [d, M, m, draws] = [4, 512, 64, 200];
  const net = initialNet(3, { depth: 1, m: M, d, alpha: 0, c: 3 }, { rho: 0.9 });
  const x = normals(rngKey(3, 'x'), 64 * d);
  const full = layerForward(net, net.layers[0]!, x);
  const squares = repeat(draws, (draw) => rmsDistance(output(thinNet(net, m, 1, draw), x), full, d) ** 2);
  return particle('finite population, M = 512, m = 64', sampledLayerVariance(net, net.layers[0]!, x, m), squares);
}

/** One layer of many particles against its Gaussian process and its tangent kernel (erf). */
function kernelsOfOneLayer(): Check[] {
  const law = { c: 1.5, sa: 1, sb: 1, sbias: 0.5 };
  const [x, y] = [Float64Array.of(0.8, -0.3), Float64Array.of(-0.2, 1.1)];
  const points = Float64Array.of(...x, ...y);
  const net = (seed: number) =>
    initialNet(seed, { depth: 1, m: 256, d: 2, alpha: 1, c: law.c, activation: 'erf' }, { rho: 0 });
  const products = repeat(600, (seed) => {
    const z = output(net(seed), points);
    return (256 * ((z[0]! - x[0]!) * (z[2]! - y[0]!) + (z[1]! - x[1]!) * (z[3]! - y[1]!))) / 2;
  });
  // dz(x)/dt at time zero when the only sample is y, with p(y) = z(y) - y_target = (1, 0) in the limit.
  const rates = repeat(100, (seed) => {
    const at = net(seed + 1000);
    const p = output(at, y);
    const { layers } = velocity(at, { n: 1, x: y, y: Float64Array.of(p[0]! - 1, p[1]!) });
    const h = 1e-6;
    const moved = copyNet(at);
    moved.layers.forEach((layer, l) =>
      (['a', 'b', 'bias'] as const).forEach((name) =>
        layer[name].forEach((_, i) => (layer[name][i]! += h * layers[l]![name][i]!)),
      ),
    );
    return -(output(moved, x)[0]! - output(at, x)[0]!) / h;
  });
  return [
    particle('one layer, Gaussian-process kernel, particles', processKernel(law, x, y), products),
    particle('one layer, tangent kernel, particles', tangentKernel(law, x, y), rates),
  ];
}

/** Depths 1 to 8 at time zero, a sampled layer, and the kernels of one layer. */
export function particleChecks(): Check[] {
  return [...[1, 2, 4, 8].map(particleClt), finitePopulation(), ...kernelsOfOneLayer()];
}
