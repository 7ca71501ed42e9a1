/** What messages of several kinds are made of. */
import type { DurationShape } from './shapes.ts';

export const BY_ADS = { ads: {}, resource_api_version: 'V3' };

export function durationOf(ms: number): DurationShape {
  const seconds = Math.floor(ms / 1_000);
  return { seconds, nanos: Math.round((ms - seconds * 1_000) * 1e6) };
}
