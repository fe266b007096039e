/** Coefficients of Cody's rational approximations for |x| to 0.46875, to 4, and beyond. */
const SMALL = {
  numerator: [3.1611237438705655, 113.86415415105016, 377.485237685302, 3209.3775891384694, 0.18577770618460315],
  denominator: [23.601290952344122, 244.02463793444417, 1282.6165260773723, 2844.236833439171],
};
const MIDDLE = {
  numerator: [
    0.5641884969886701, 8.883149794388377, 66.11919063714163, 298.6351381974001, 881.952221241769, 1712.0476126340707,
    2051.0783778260716, 1230.3393547979972, 2.1531153547440383e-8,
  ],
  denominator: [
    15.744926110709835, 117.6939508913125, 537.1811018620099, 1621.3895745666903, 3290.7992357334597, 4362.619090143247,
    3439.3676741437216, 1230.3393548037495,
  ],
};
const TAIL = {
  numerator: [
    0.30532663496123236, 0.36034489994980445, 0.12578172611122926, 0.016083785148742275, 0.0006587491615298378,
    0.016315387137302097,
  ],
  denominator: [2.568520192289822, 1.8729528499234604, 0.5279051029514285, 0.06051834131244132, 0.0023352049762686918],
};
const INVERSE_ROOT_PI = 0.5641895835477563;

type Rational = Readonly<Record<'numerator' | 'denominator', readonly number[]>>;

/** Numerator and denominator at x; the numerator's leading coefficient is its last one, the denominator's is 1. */
function parts({ numerator, denominator }: Rational, x: number): readonly [above: number, below: number] {
  const last = denominator.length - 1;
  let [above, below] = [numerator[last + 1]! * x, x];
  for (let i = 0; i < last; i++) {
    above = (above + numerator[i]!) * x;
    below = (below + denominator[i]!) * x;
  }
  return [above + numerator[last]!, below + denominator[last]!];
}

/** exp(-y^2), with y split so that the square's rounding does not count. */
function gaussian(y: number): number {
  const coarse = Math.trunc(y * 16) / 16;
  return Math.exp(-coarse * coarse) * Math.exp(-(y - coarse) * (y + coarse));
}

/**
 * The error function, (2 / sqrt(pi)) times the integral of exp(-t^2) from 0 to x, to 1e-15. W. J. Cody, Rational
 * Chebyshev approximations for the error function, Math. Comp. 23 (1969) 631.
 */
export function erf(x: number): number {
  const y = Math.abs(x);
  const sign = Math.sign(x);
  if (y > 6) return sign;
  if (y <= 0.46875) {
    const [above, below] = parts(SMALL, y * y);
    return (sign * (y * above)) / below;
  }
  if (y <= 4) {
    const [above, below] = parts(MIDDLE, y);
    return sign * (1 - gaussian(y) * (above / below));
  }
  const inverse = 1 / (y * y);
  const [above, below] = parts(TAIL, inverse);
  return sign * (1 - gaussian(y) * ((INVERSE_ROOT_PI - (inverse * above) / below) / y));
}
