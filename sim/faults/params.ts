/** Readers for fault parameters: each says what is wrong, where, and how to mend it. */
import { MeshwrightError } from '../base/errors.ts';
import { type Duration, toNs } from '../base/units.ts';

type Params = Readonly<Record<string, unknown>>;

/** Refuses parameters that the fault does not have. */
export function onlyKnown(params: Params, known: readonly string[], place: string): void {
  for (const name of Object.keys(params)) {
    if (known.includes(name)) continue;
    const has = known.length === 0 ? 'it takes none' : `it takes ${known.join(', ')}`;
    throw scenarioError(`unknown parameter '${name}'`, place, `remove it; ${has}`);
  }
}

/** A duration in ns; `fallbackNs` when absent, an error when absent and there is no fallback. */
export function durationNs(params: Params, name: string, place: string, fallbackNs: number | null): number {
  const value = params[name];
  if (value === undefined && fallbackNs !== null) return fallbackNs;
  let ns = -1;
  if (typeof value === 'number' || typeof value === 'string') {
    try {
      ns = toNs(value as Duration);
    } catch {
      ns = -1;
    }
  }
  if (ns >= 0) return ns;
  const said = value === undefined ? `'${name}' is missing` : `'${name}' is not a duration: ${show(value)}`;
  throw scenarioError(said, place, `write ${name}: 200, '200ms', '2s' or '1m'`);
}

/** As `durationNs`, and more than zero. */
export function positiveNs(params: Params, name: string, place: string, fallbackNs: number | null): number {
  const ns = durationNs(params, name, place, fallbackNs);
  if (ns > 0) return ns;
  throw scenarioError(`'${name}' must be longer than zero`, place, `write ${name}: '200ms' or more`);
}

/** A number within [min, max]; `whole`: an integer. */
export function numberIn(
  params: Params,
  name: string,
  place: string,
  range: { min: number; max: number; whole: boolean; fallback: number | null },
): number {
  const value = params[name];
  if (value === undefined && range.fallback !== null) return range.fallback;
  const fits =
    typeof value === 'number' &&
    value >= range.min &&
    value <= range.max &&
    (!range.whole || Number.isInteger(value));
  if (fits) return value;
  const said = value === undefined ? `'${name}' is missing` : `'${name}' is ${show(value)}`;
  const kind = range.whole ? 'a whole number' : 'a number';
  throw scenarioError(said, place, `give ${kind} from ${range.min} to ${range.max}`);
}

/** true or false; `fallback` when absent. */
export function flag(params: Params, name: string, place: string, fallback: boolean): boolean {
  const value = params[name];
  if (value === undefined) return fallback;
  if (typeof value === 'boolean') return value;
  throw scenarioError(`'${name}' is ${show(value)}`, place, `write ${name}: true or ${name}: false`);
}

/** Trouble in a scenario, with its place and remedy. */
export function scenarioError(message: string, place: string, remedy: string): MeshwrightError {
  return new MeshwrightError('MW_SCENARIO', message, { place, remedy });
}

/** A value as a person wrote it, at most 60 characters. */
export function show(value: unknown): string {
  const text =
    typeof value === 'number' || value === undefined || value === null
      ? String(value)
      : (JSON.stringify(value) ?? String(value));
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
