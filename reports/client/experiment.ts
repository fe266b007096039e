/** What the laboratory measures: both laws around one setting. */
import { discrepancy, telescope } from '../../theory/network/discrepancy.js';
import { trainDirect } from '../../theory/flow/direct.js';
import { imitate } from '../../theory/flow/imitation.js';
import { activations } from '../../theory/network/network.js';
import { copyNet, initialNet, thinNet } from '../../theory/model/particles.js';
import { sineTask } from '../../theory/model/task.js';

export interface Setting {
  readonly depth: number;
  /** Particles of a thin layer, and of a wide one. */
  readonly m: number;
  readonly wide: number;
  /** Skip weight, and scale of the particles' mean. */
  readonly alpha: number;
  readonly c: number;
  /** Flow time of direct training; imitation has as long. */
  readonly time: number;
  readonly seed: number;
}

export interface Point {
  readonly law: 'D(m)' | 'D(L)';
  readonly x: number;
  /** D after direct training; after imitation; the telescoped sum that bounds the latter. */
  readonly direct: number;
  readonly imitation: number;
  readonly bound: number;
}

/** As the studies of the laptop scale have them (experiments/theory.ts), with fewer points. */
const [D, TRAIN, HELD_OUT, DT, RHO] = [8, 64, 128, 0.1, 0.9] as const;
const WIDTHS = [8, 16, 32, 64, 128, 256] as const;

/** Root mean squares need a full output; null when a training explodes. */
function measure(
  { wide, alpha, c, time, seed }: Setting,
  depth: number,
  widths: readonly number[],
): (Omit<Point, 'law'> | null)[] {
  const task = sineTask(seed, D, TRAIN, HELD_OUT);
  const initial = initialNet(seed, { depth, m: wide, d: D, alpha, c, activation: 'tanh' }, { rho: RHO });
  const options = { steps: Math.round(time / DT), dt: DT };
  const trained = copyNet(initial);
  if (trainDirect(trained, task.train, options).exploded !== undefined) return widths.map(() => null);
  const [onTrain, onHeldOut] = [activations(trained, task.train.x), activations(trained, task.heldOut.x)];
  return widths.map((m) => {
    const direct = thinNet(initial, m, seed, 0);
    if (trainDirect(direct, task.train, options).exploded !== undefined) return null;
    const thin = thinNet(trained, m, seed, 0);
    if (
      imitate(thin, trained, task.train.x, { ...options, targets: onTrain }).some(
        ({ exploded }) => exploded !== undefined,
      )
    )
      return null;
    const { x } = task.heldOut;
    return {
      x: m,
      direct: discrepancy(direct, trained, x, onHeldOut.at(-1)),
      imitation: discrepancy(thin, trained, x, onHeldOut.at(-1)),
      bound: telescope(thin, trained, x, onHeldOut).reduce((sum, h) => sum + h, 0),
    };
  });
}

/**
 * Points as they are found: D(m) at the setting's depth, then D(L) at its width up to its depth. `exploded` is called
 * instead where there is none.
 */
export function explore(
  setting: Setting,
  found: (point: Point) => void,
  exploded: (law: Point['law'], x: number) => void,
): void {
  const widths = WIDTHS.filter((m) => m < setting.wide);
  for (const m of widths) {
    const [point] = measure(setting, setting.depth, [m]);
    if (point) found({ law: 'D(m)', ...point });
    else exploded('D(m)', m);
  }
  for (let depth = 1; depth <= setting.depth; depth++) {
    const [point] = measure(setting, depth, [setting.m]);
    if (point) found({ law: 'D(L)', ...point, x: depth });
    else exploded('D(L)', depth);
  }
}
