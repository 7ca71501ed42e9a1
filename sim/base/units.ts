/** Durations as people write them, and the one conversion to the engine's unit (integer nanoseconds in a Number). */

/** '200ms', '2s', '1.5s', '2m', '500us', or a number of milliseconds. */
export type Duration = number | `${number}us` | `${number}ms` | `${number}s` | `${number}m`;

const UNIT_NS: Readonly<Record<string, number>> = { us: 1e3, ms: 1e6, s: 1e9, m: 60e9 };

/** Converts to whole nanoseconds. Throws RangeError for what is not a finite, non-negative duration. */
export function toNs(duration: Duration): number {
  const match =
    typeof duration === 'number'
      ? [String(duration), String(duration), 'ms']
      : /^(\d+(?:\.\d+)?)(us|ms|s|m)$/.exec(duration);
  const value = match === null ? Number.NaN : Number(match[1]);
  if (!Number.isFinite(value) || value < 0) {
    throw new RangeError(`not a duration: ${JSON.stringify(duration)}; write 200, '200ms', '2s' or '1m'`);
  }
  return Math.round(value * (UNIT_NS[match?.[2] as string] as number));
}
