/** Single fields of resources: what each must be to be used. */
import { ResourceError } from './resource-error.ts';
import type { DurationShape, UintShape } from './shapes.ts';

export function named(name: string | undefined | null, path: string): string {
  if (typeof name === 'string' && name !== '') return name;
  throw new ResourceError(path, 'it is empty');
}

/** Refuses each of the fields that says anything: `why` for people. */
export function refuse(shape: object, fields: readonly string[], path: string, why: string): void {
  const values = shape as Record<string, unknown>;
  const given = fields.find((field) => saysAnything(values[field]));
  if (given !== undefined) throw new ResourceError(within(path, given), why);
}

/** Of a message that stands there: null where it does not. */
export function durationMs(shape: DurationShape | undefined | null, path: string): number | null {
  if (!isThere(shape)) return null;
  const ms = (shape.seconds ?? 0) * 1_000 + (shape.nanos ?? 0) / 1e6;
  if (ms >= 0) return ms;
  throw new ResourceError(path, 'it is negative');
}

/** The same, above 0. */
export function positiveMs(shape: DurationShape | undefined | null, path: string): number | null {
  const ms = durationMs(shape, path);
  if (ms !== 0) return ms;
  throw new ResourceError(path, 'it is 0');
}

export function uint(shape: UintShape | undefined | null, fallback: number): number {
  return isThere(shape) ? (shape.value ?? 0) : fallback;
}

export function isThere<T>(value: T | undefined | null): value is T {
  return value !== undefined && value !== null;
}

export function within(path: string, field: string): string {
  return path === '' ? field : `${path}.${field}`;
}

function saysAnything(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return isThere(value) && value !== '' && value !== false && value !== 0;
}
