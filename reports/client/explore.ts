/** Points of the laboratory as they are found, for each of its models. */
import { exploreParticles, type Found, type Model, type Point, type Setting } from './experiment.js';
import { exploreSaddle } from './saddle.js';

const EXPLORERS: Readonly<Record<Model, (setting: Setting, found: Found) => void>> = {
  particles: exploreParticles,
  saddle: exploreSaddle,
};

/** Points of a setting as they are found; `exploded` is called instead where there is none. */
export function explore(
  setting: Setting,
  found: (point: Point) => void,
  exploded: (law: Point['law'], x: number) => void,
): void {
  EXPLORERS[setting.model](setting, (law, x, measured) =>
    measured === null ? exploded(law, x) : found({ law, x, ...measured }),
  );
}
