/** Reads a check's numbers: bad ones are refused where the scenario is written, not when it runs. */
import { MeshwrightError } from '../base/errors.ts';

/** `value`, when it is a number in [min, max]. Throws MeshwrightError MW_SCENARIO. */
export function limit(value: unknown, name: string, check: string, min: number, max: number): number {
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw new MeshwrightError('MW_SCENARIO', `'${name}' is ${String(value)}`, {
    place: `check.${check}`,
    remedy: `give a number from ${min} to ${max}`,
  });
}
