/** Every class of attack as a row, both roles where it makes sense, with a neighbour; and each limit is there for a reason. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DEFAULT_WIRE_LIMITS, type WireLimits } from '../../proxy/wire/limits.ts';
import { lineStart } from './page.ts';
import { runRow } from './run-row.ts';
import { ROWS } from './rows.ts';

/** What taking a limit away means, where that is not Infinity. */
const REMOVED: Partial<Record<keyof WireLimits, number>> = {
  dribbleBytes: 0,
  pingIntervalMs: 0,
  decoderTableBytes: 4_096,
  streamWindowBytes: 0x7fffffff,
  connectionWindowBytes: 0x7fffffff,
};

describe('attacks', () => {
  test.each(ROWS.map((row) => [`${row.n} ${row.role}: ${row.name}`, row] as const))('%s', (_, row) => {
    expect(runRow(row).complaints).toEqual([]);
  });

  test('every class has a row', () => {
    const classes = new Set(ROWS.map((row) => row.n));
    expect(Array.from({ length: 40 }, (_, i) => i + 1).filter((n) => !classes.has(n))).toEqual([]);
  });
});

test('docs/attacks.md has every row and its answer', () => {
  const page = readFileSync(new URL('../../docs/attacks.md', import.meta.url), 'utf8').split('\n');
  const missing = ROWS.map(lineStart).filter((start) => !page.some((line) => line.startsWith(start)));
  expect(missing, 'npm run attacks writes it').toEqual([]);
});

describe('without a limit some row fails', () => {
  test.each(Object.keys(DEFAULT_WIRE_LIMITS) as (keyof WireLimits)[])('%s', (limit) => {
    const guarded = ROWS.filter((row) => row.guards?.includes(limit) === true);
    expect(guarded.length, `no row guards ${limit}`).toBeGreaterThan(0);
    const removed = { [limit]: REMOVED[limit] ?? Infinity };
    const red = guarded.filter((row) => runRow(row, removed).complaints.length > 0);
    expect(red.map((row) => row.name)).toEqual(guarded.map((row) => row.name));
  });
});
