/** How the colors of pictures are normalized before a network sees them. */
import { z } from 'zod';

const CHANNELS = 3;

/** Schema of a normalization of red, green and blue: each is (value - mean) / std, with values from 0 to 1. */
export const Normalization = z.strictObject({
  mean: z.array(z.number()).length(CHANNELS),
  std: z.array(z.number().positive()).length(CHANNELS),
});
/** Mean and standard deviation of red, green and blue, of values from 0 to 1. */
export type Normalization = z.infer<typeof Normalization>;

/** ImageNet's, by which torchvision's networks are trained. */
export const IMAGENET_NORMALIZATION: Normalization = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** Two numbers of another precision in a file are taken for one up to this difference: a fortieth of a gray value. */
const TOLERANCE = 1e-4;

/** Whether two normalizations are the same, roundings aside. */
export function isSameNormalization(one: Normalization, other: Normalization): boolean {
  const near = (a: readonly number[], b: readonly number[]): boolean =>
    a.every((value, c) => Math.abs(value - b[c]!) <= TOLERANCE);
  return near(one.mean, other.mean) && near(one.std, other.std);
}

/** A normalization for people: `mean 0.5, 0.5, 0.5 and std 0.5, 0.5, 0.5`. */
export function normalizationText({ mean, std }: Normalization): string {
  const text = (values: readonly number[]): string => values.map((value) => Number(value.toPrecision(6))).join(', ');
  return `mean ${text(mean)} and std ${text(std)}`;
}

/** The normalization that has to be said: undefined for ImageNet's, which is meant where nothing is. */
export function unusual(normalize: Normalization | undefined): Normalization | undefined {
  return normalize === undefined || isSameNormalization(normalize, IMAGENET_NORMALIZATION) ? undefined : normalize;
}
