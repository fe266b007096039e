/** What the laboratory measures: both laws around one setting. */
import { discrepancy, telescope } from '../../theory/network/discrepancy.js';
import { trainDirect } from '../../theory/flow/direct.js';
import { imitate } from '../../theory/flow/imitation.js';
import { selectNets } from '../../theory/flow/selection.js';
import { activations } from '../../theory/network/network.js';
import { copyNet, initialNet, thinNet, type Net } from '../../theory/model/particles.js';
import { sineTask } from '../../theory/model/task.js';

/** Models of the laboratory: nets of particles, and the two-mode saddle. */
export type Model = 'particles' | 'saddle';

/** What the laboratory’s sliders say: the nets, their particles and their training. */
export interface Setting {
  readonly model: Model;
  readonly depth: number;
  /** Particles of a thin layer, and of a wide one. */
  readonly m: number;
  readonly wide: number;
  /** Skip weight, and scale of the particles' mean; the saddle's skip g and target kappa. */
  readonly alpha: number;
  readonly c: number;
  /** Correlation of a particle's two vectors in the initial law. */
  readonly rho: number;
  /** Flow time of direct training; imitation has as long. */
  readonly time: number;
  readonly seed: number;
}

/** A point of the laboratory’s figures: distances to the wide net at one width or depth. */
export interface Point {
  readonly law: 'D(m)' | 'D(L)';
  readonly x: number;
  /** D after direct training, and the telescoped sum, which bounds imitation. */
  readonly direct: number;
  readonly bound: number;
  /** D after imitation, of drawn particles of the trained wide net, and of such that herding chose, both untrained. */
  readonly imitation?: number;
  readonly sampled?: number;
  readonly chosen?: number;
  /** What the limit of infinitely wide nets says of `direct` and of `bound` at this width. */
  readonly directLimit?: number;
  readonly boundLimit?: number;
}

/** A point without its place; null where a training explodes. */
export type Measured = Omit<Point, 'law' | 'x'> | null;

/** Is told of each point as it is found. */
export type Found = (law: Point['law'], x: number, measured: Measured) => void;

/** Input dimension, points of data and step of Euler: coarser than the studies have them, as a reader waits for it. */
export const FIXED = { d: 8, train: 64, heldOut: 128, dt: 0.1 } as const;
const WIDTHS = [8, 16, 32, 64, 128, 256] as const;

/** Thin widths at which D(m) is measured beside a wide one. */
export function widthsBelow(wide: number): number[] {
  return WIDTHS.filter((m) => m < wide);
}

/** As the study `saddle` of the laptop scale has them (experiments/theory.ts), with fewer draws. */
export const SADDLE = { draws: 10, steps: 200 } as const;
const SADDLE_POWERS = [8, 16, 24, 32, 40] as const;

/** Widths at which D(m) of the saddle is measured: its flow closes on means, which any number of particles has. */
export function saddleWidths(): number[] {
  return SADDLE_POWERS.map((power) => 2 ** power);
}

/**
 * A trained wide net of a depth, as a function that measures thin nets of these widths; null where a training explodes.
 * Herding, which takes longer than all else, goes as far as the widest of them that is narrower than the wide net.
 */
function wideNet(
  { wide, alpha, c, rho, time, seed }: Setting,
  depth: number,
  measured: readonly number[],
): (m: number) => Measured {
  const task = sineTask(seed, FIXED.d, FIXED.train, FIXED.heldOut);
  const initial = initialNet(seed, { depth, m: wide, d: FIXED.d, alpha, c, activation: 'tanh' }, { rho });
  const options = { steps: Math.round(time / FIXED.dt), dt: FIXED.dt };
  const trained = copyNet(initial);
  if (trainDirect(trained, task.train, options).exploded !== undefined) return () => null;
  const widths = measured.filter((m) => m < wide);
  const [onTrain, onHeldOut] = [activations(trained, task.train.x), activations(trained, task.heldOut.x)];
  const herded = selectNets(trained, task.train.x, 'herding', widths, onTrain);
  const { x } = task.heldOut;
  const distance = (net: Net): number => discrepancy(net, trained, x, onHeldOut.at(-1));
  return (m) => {
    const direct = thinNet(initial, m, seed, 0);
    if (trainDirect(direct, task.train, options).exploded !== undefined) return null;
    const thin = thinNet(trained, m, seed, 0);
    const sampled = distance(thin);
    const imitated = imitate(thin, trained, task.train.x, { ...options, targets: onTrain });
    if (imitated.some(({ exploded }) => exploded !== undefined)) return null;
    const chosen = herded[widths.indexOf(m)];
    return {
      direct: distance(direct),
      imitation: distance(thin),
      sampled,
      ...(chosen !== undefined && { chosen: distance(chosen) }),
      bound: telescope(thin, trained, x, onHeldOut).reduce((sum, h) => sum + h, 0),
    };
  };
}

/**
 * Points of nets of particles: D(L) at the setting's width from the shallowest net, whose point comes soonest, then
 * D(m) at its depth from the narrowest.
 */
export function exploreParticles(setting: Setting, found: Found): void {
  for (let depth = 1; depth < setting.depth; depth++)
    found('D(L)', depth, wideNet(setting, depth, [setting.m])(setting.m));
  const widths = widthsBelow(setting.wide);
  const measure = wideNet(setting, setting.depth, widths);
  for (const m of widths) {
    const measured = measure(m);
    found('D(m)', m, measured);
    if (m === setting.m) found('D(L)', setting.depth, measured);
  }
}
