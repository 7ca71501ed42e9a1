/** ln, exp and the normal quantile from + - * / and sqrt alone: their results are the same on every engine, bit for bit. */

const LN2 = 0.6931471805599453;

/** Natural logarithm of a positive finite number; relative error below 1e-14. */
export function ln(value: number): number {
  let mantissa = value;
  let halvings = 0;
  for (; mantissa > 1.5; halvings++) mantissa /= 2;
  for (; mantissa < 0.75; halvings--) mantissa *= 2;
  const ratio = (mantissa - 1) / (mantissa + 1);
  const square = ratio * ratio;
  let sum = 0;
  for (let power = 25; power >= 1; power -= 2) sum = sum * square + 1 / power;
  return halvings * LN2 + 2 * ratio * sum;
}

/** e to the power of a number in -700 .. 700; relative error below 1e-13. */
export function exp(value: number): number {
  const halvings = Math.round(value / LN2);
  const rest = value - halvings * LN2;
  let sum = 1;
  for (let term = 16; term >= 1; term--) sum = 1 + (sum * rest) / term;
  for (let count = halvings; count > 0; count--) sum *= 2;
  for (let count = halvings; count < 0; count++) sum /= 2;
  return sum;
}

const CENTRAL_TOP = [
  -3.969683028665376e1, 2.209460984245205e2, -2.759285104469687e2, 1.38357751867269e2, -3.066479806614716e1,
  2.506628277459239,
];
const CENTRAL_BOTTOM = [
  -5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1, -1.328068155288572e1,
  1,
];
const TAIL_TOP = [
  -7.784894002430293e-3, -3.223964580411365e-1, -2.400758277161838, -2.549732539343734, 4.374664141464968,
  2.938163982698783,
];
const TAIL_BOTTOM = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1];
const TAIL_FROM = 0.02425;

/** z such that a standard normal is below it with probability `p`, 0 < p < 1; relative error below 1.2e-9 (P. Acklam's method). */
export function normalQuantile(p: number): number {
  if (p < TAIL_FROM) return tail(p);
  if (p > 1 - TAIL_FROM) return -tail(1 - p);
  const centred = p - 0.5;
  const square = centred * centred;
  return (polynomial(CENTRAL_TOP, square) * centred) / polynomial(CENTRAL_BOTTOM, square);
}

/** The quantile for a probability near 0; exact where 1 - p would lose digits. */
function tail(p: number): number {
  const root = Math.sqrt(-2 * ln(p));
  return polynomial(TAIL_TOP, root) / polynomial(TAIL_BOTTOM, root);
}

function polynomial(coefficients: readonly number[], x: number): number {
  let sum = 0;
  for (const coefficient of coefficients) sum = sum * x + coefficient;
  return sum;
}
