/** Rates that are fitted to simulations: of the integrators, of the saddle's growth, and of D(m). */
import { namesOf } from '../../src/core/registry.js';
import { normals, rngKey } from '../../src/core/rng.js';
import { fitLine, mean } from '../../src/core/stats.js';
import { trainDirect } from '../flow/direct.js';
import { INTEGRATORS, type IntegratorName } from '../flow/integrators.js';
import { growthRate, saddleDiscrepancy, trainSaddle } from '../instances/saddle.js';
import { copyNet, initialNet, thinNet } from '../model/particles.js';
import { sineTask } from '../model/task.js';
import { discrepancy, rmsDistance } from '../network/discrepancy.js';
import { output } from '../network/network.js';
import { B } from './cases.js';
import { check, repeat, type Check } from './check.js';

/** The growth of a small error of the saddle's layer means, against its linearized flow. */
function saddleGrowth(): Check {
  const start = new Float64Array(B.depth).fill(1e-9);
  const times = [0.01, 0.015, 0.02, 0.025, 0.03];
  const { slope } = fitLine(
    times,
    times.map((time) => Math.log(saddleDiscrepancy(B, trainSaddle(B, start, time, 400)))),
  );
  return check('saddle B, rate of the integrated flow', 'rate', growthRate(B), slope, 0.01);
}

/** The order of each integrator, from the error of a small net's output at 16, 32 and 64 steps. */
function integratorOrders(): Check[] {
  const task = sineTask(1, 3, 16, 16);
  const net = initialNet(4, { depth: 2, m: 8, d: 3, alpha: 1, c: 1.5 }, { rho: 0.5 });
  const outputAfter = (steps: number, method: IntegratorName): Float64Array => {
    const copy = copyNet(net);
    trainDirect(copy, task.train, { steps, dt: 0.5 / steps, method: INTEGRATORS[method] });
    return output(copy, task.heldOut.x);
  };
  const exact = outputAfter(1024, 'rk4');
  const steps = [16, 32, 64];
  return namesOf(INTEGRATORS).map((name) => {
    const errors = steps.map((n) => Math.log(rmsDistance(outputAfter(n, name), exact, 3)));
    const { slope } = fitLine(steps.map(Math.log), errors);
    return check(`order of ${name}`, 'rate', INTEGRATORS[name].order, -slope, 0.15);
  });
}

/** The exponent of D(m) for thin nets as they are drawn, with the factor of a finite wide net taken out. */
function widthExponent(): Check {
  const M = 4096;
  const wide = initialNet(9, { depth: 3, m: M, d: 4, alpha: 1, c: 1 }, { rho: 0 });
  const x = normals(rngKey(9, 'x'), 64 * 4);
  const widths = [16, 64, 256];
  const logs = widths.map((m) => {
    const square = mean(repeat(24, (draw) => discrepancy(thinNet(wide, m, 2, draw), wide, x) ** 2));
    return Math.log(Math.sqrt(square * ((M - 1) / (M - m))));
  });
  const { slope } = fitLine(widths.map(Math.log), logs);
  return check('exponent of D(m) of sampled nets', 'rate', -0.5, slope, 0.05);
}

/** Growth of the saddle, orders of the integrators, exponent of D(m). */
export function rateChecks(): Check[] {
  return [saddleGrowth(), ...integratorOrders(), widthExponent()];
}
