/** The two-mode saddle of the laboratory: the instance whose direct training really moves away from the wide net. */
import {
  directLimit,
  saddleDiscrepancy,
  saddleTelescope,
  telescopedLimit,
  trainSaddle,
} from '../../theory/instances/saddle.js';
import { normals, rngKey } from '../../src/core/rng.js';
import { mean, rms } from '../../src/core/stats.js';
import { SADDLE, saddleWidths, type Found, type Measured, type Setting } from './experiment.js';

/** Thin nets of a width and depth, as the study `saddle` draws and trains them; null where they leave float64. */
function measure({ alpha: g, c: kappa, time, seed }: Setting, depth: number, m: number): Measured {
  const saddle = { g, kappa, depth };
  const starts = Array.from({ length: SADDLE.draws }, (_, draw) =>
    normals(rngKey(seed, 'saddle', depth, draw), depth).map((z) => z / Math.sqrt(m)),
  );
  const direct = rms(starts.map((start) => saddleDiscrepancy(saddle, trainSaddle(saddle, start, time, SADDLE.steps))));
  if (!Number.isFinite(direct)) return null;
  return {
    direct,
    sampled: rms(starts.map((start) => saddleDiscrepancy(saddle, start))),
    bound: mean(starts.map((start) => saddleTelescope(saddle, start))),
    directLimit: directLimit(saddle, time) / Math.sqrt(m),
    boundLimit: telescopedLimit(saddle) / Math.sqrt(m),
  };
}

/** Points of the saddle: D(m) at the setting's depth, then D(L) at its width up to its depth. */
export function exploreSaddle(setting: Setting, found: Found): void {
  for (const m of saddleWidths()) found('D(m)', m, measure(setting, setting.depth, m));
  for (let depth = 1; depth <= setting.depth; depth++) found('D(L)', depth, measure(setting, depth, setting.m));
}
