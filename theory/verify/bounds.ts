/** Bounds on the discrepancy against what is measured. */
import {
  closedForm,
  lipschitzBound,
  posteriorCap,
  runningGronwall,
  telescopedBound,
  uniformConstants,
  wideTailBound,
} from '../bounds/index.js';
import { trainDirect } from '../flow/direct.js';
import { imitate } from '../flow/imitation.js';
import { copyNet, initialNet, pickNet, thinIndices, thinNet, type Net } from '../model/particles.js';
import { sineTask, type Task } from '../model/task.js';
import { discrepancy } from '../network/discrepancy.js';
import { lossOf } from '../network/network.js';
import type { Check } from './check.js';

/** Laws of the nets: with a skip, without, and with a weak sum. */
const LAWS = [
  { alpha: 1, c: 1, rho: 0 },
  { alpha: 0, c: 3, rho: 0.9 },
  { alpha: 1, c: 0.3, rho: 0 },
];
const DEPTHS = [2, 4];

/** Largest share of each bound that was measured so far: 1 would be attained, more is a violation. */
type Shares = Record<'I1' | 'I2' | "I2'" | 'cap' | 'gronwall' | 'closed', number>;

function raise(shares: Shares, name: keyof Shares, value: number): void {
  shares[name] = Math.max(shares[name], value);
}

/** The bounds on imitation and the cap, for thin nets as they are drawn and after imitation. */
function measureImitation(shares: Shares, initial: Net, task: Task): void {
  const wide = copyNet(initial);
  trainDirect(wide, task.train, { steps: 20, dt: 0.05 });
  const { x } = task.heldOut;
  for (const { steps, draw } of [
    { steps: 0, draw: 0 },
    { steps: 20, draw: 1 },
  ]) {
    const thin = thinNet(wide, 32, 1, draw);
    imitate(thin, wide, task.train.x, { steps, dt: 0.05 });
    const D = discrepancy(thin, wide, x);
    raise(shares, 'I1', D / telescopedBound(thin, wide, x));
    raise(shares, 'I2', D / lipschitzBound(thin, wide, x));
    raise(shares, "I2'", D / wideTailBound(thin, wide, x));
    const cap = posteriorCap(lossOf(thin, task.train), lossOf(wide, task.train));
    raise(shares, 'cap', discrepancy(thin, wide, task.train.x) / cap);
  }
}

/** The bounds on direct training: the running one on each step's D and particles, and its closed form at the start. */
function measureDirect(shares: Shares, initial: Net, task: Task): void {
  const { rows } = runningGronwall(initial, task.train, { m: 32, seed: 1, draw: 0 }, 8, 0.02);
  for (const row of rows) {
    raise(shares, 'gronwall', row.discrepancy / row.bound);
    if (row.distance > 0) raise(shares, 'gronwall', row.distance / row.distanceBound);
  }
  const ideal = pickNet(initial, thinIndices(initial, 32, 1, 0));
  const { logBound } = closedForm(uniformConstants(ideal, initial, ideal, task.train), 1e-9);
  raise(shares, 'closed', Math.exp(Math.log(rows[0]!.discrepancy) - logBound));
}

/** The largest measured share of each bound, over laws, depths and draws. */
export function boundChecks(): Check[] {
  const task = sineTask(2, 3, 24, 48);
  const shares: Shares = { I1: 0, I2: 0, "I2'": 0, cap: 0, gronwall: 0, closed: 0 };
  for (const { alpha, c, rho } of LAWS)
    for (const depth of DEPTHS) {
      const initial = initialNet(depth, { depth, m: 256, d: 3, alpha, c }, { rho });
      measureImitation(shares, initial, task);
      measureDirect(shares, initial, task);
    }
  return Object.entries(shares).map(([name, measured]) => ({
    id: `bound ${name}: largest share`,
    kind: 'bound',
    expected: 1,
    measured,
    tolerance: 1e-9,
    pass: measured <= 1 + 1e-9,
  }));
}
