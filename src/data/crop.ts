/** Which part of a picture the network sees, by torchvision's arithmetic: the center, or a random part. */
import { type Part, roundHalfToEven, type Size } from './pixels.js';

const ATTEMPTS = 10;
/** Random numbers for one picture: area and shape of ten attempts, then the place, then the mirror. */
export const DRAWS = 2 * ATTEMPTS + 3;

/**
 * The size at which the shorter side is `shorter`, by torchvision's arithmetic: the longer side is cut to whole pixels.
 */
export function scaledSize({ width, height }: Size, shorter: number): Size {
  const longer = (side: number, other: number): number => Math.trunc((shorter * side) / other);
  return width <= height
    ? { width: shorter, height: longer(height, width) }
    : { width: longer(width, height), height: shorter };
}

/** The square in the middle, by torchvision's arithmetic. */
export function centerPart({ width, height }: Size, size: number): Part {
  return {
    left: roundHalfToEven((width - size) / 2),
    top: roundHalfToEven((height - size) / 2),
    width: size,
    height: size,
  };
}

/**
 * A random part of a picture, as torchvision's RandomResizedCrop takes it: ten attempts, then the center with the
 * nearest allowed shape.
 */
export function randomPart({ width, height }: Size, draws: Float64Array): Part {
  const place = (w: number, h: number): Part => ({
    left: Math.floor(draws[ATTEMPTS * 2]! * (width - w + 1)),
    top: Math.floor(draws[ATTEMPTS * 2 + 1]! * (height - h + 1)),
    width: w,
    height: h,
  });
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const area = width * height * (0.08 + 0.92 * draws[2 * attempt]!);
    const ratio = Math.exp(Math.log(3 / 4) + (Math.log(4 / 3) - Math.log(3 / 4)) * draws[2 * attempt + 1]!);
    const [w, h] = [Math.round(Math.sqrt(area * ratio)), Math.round(Math.sqrt(area / ratio))];
    if (w >= 1 && w <= width && h >= 1 && h <= height) return place(w, h);
  }
  const ratio = Math.min(4 / 3, Math.max(3 / 4, width / height));
  const [w, h] =
    width / height > ratio
      ? [Math.max(1, Math.round(height * ratio)), height]
      : [width, Math.max(1, Math.round(width / ratio))];
  return { left: Math.floor((width - w) / 2), top: Math.floor((height - h) / 2), width: w, height: h };
}
