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
  /** Correlation of a particle's two vectors in the initial law. */
  readonly rho: number;
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
export const FIXED = { d: 8, train: 64, heldOut: 128, dt: 0.1 } as const;
const WIDTHS = [8, 16, 32, 64, 128, 256] as const;

/** Thin widths at which D(m) is measured beside a wide one. */
export function widthsBelow(wide: number): number[] {
  return WIDTHS.filter((m) => m < wide);
}

type Measured = Omit<Point, 'law' | 'x'> | null;

/** A trained wide net of a depth, as a function that measures thin nets of a width; null where a training explodes. */
function wideNet({ wide, alpha, c, rho, time, seed }: Setting, depth: number): (m: number) => Measured {
  const task = sineTask(seed, FIXED.d, FIXED.train, FIXED.heldOut);
  const initial = initialNet(seed, { depth, m: wide, d: FIXED.d, alpha, c, activation: 'tanh' }, { rho });
  const options = { steps: Math.round(time / FIXED.dt), dt: FIXED.dt };
  const trained = copyNet(initial);
  if (trainDirect(trained, task.train, options).exploded !== undefined) return () => null;
  const [onTrain, onHeldOut] = [activations(trained, task.train.x), activations(trained, task.heldOut.x)];
  return (m) => {
    const direct = thinNet(initial, m, seed, 0);
    if (trainDirect(direct, task.train, options).exploded !== undefined) return null;
    const thin = thinNet(trained, m, seed, 0);
    const imitated = imitate(thin, trained, task.train.x, { ...options, targets: onTrain });
    if (imitated.some(({ exploded }) => exploded !== undefined)) return null;
    const { x } = task.heldOut;
    return {
      direct: discrepancy(direct, trained, x, onHeldOut.at(-1)),
      imitation: discrepancy(thin, trained, x, onHeldOut.at(-1)),
      bound: telescope(thin, trained, x, onHeldOut).reduce((sum, h) => sum + h, 0),
    };
  };
}

/**
 * Points as they are found: D(m) at the setting's depth, from the narrowest, then D(L) at its width up to its depth.
 * `exploded` is called instead where there is none.
 */
export function explore(
  setting: Setting,
  found: (point: Point) => void,
  exploded: (law: Point['law'], x: number) => void,
): void {
  const tell = (law: Point['law'], x: number, measured: Measured): void =>
    measured === null ? exploded(law, x) : found({ law, x, ...measured });
  const measure = wideNet(setting, setting.depth);
  const known = new Map<number, Measured>();
  for (const m of widthsBelow(setting.wide)) {
    known.set(m, measure(m));
    tell('D(m)', m, known.get(m) ?? null);
  }
  for (let depth = 1; depth < setting.depth; depth++) tell('D(L)', depth, wideNet(setting, depth)(setting.m));
  tell('D(L)', setting.depth, known.get(setting.m) ?? measure(setting.m));
}
