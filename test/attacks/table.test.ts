/** Every class of attack as a row, both roles where it makes sense, with a neighbour; and each limit is there for a reason. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DEFAULT_WIRE_LIMITS, type WireLimits } from '../../proxy/wire/limits.ts';
import { lineStart } from './page.ts';
import { runRow } from './run-row.ts';
import type { Row } from './measured.ts';
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

/** What rows of these classes come to as rules: the bad call is refused and reaches nobody, the next one is served. */
const BAD_HEADS = ROWS.filter(({ n, role }) => role === 'server' && n >= 27 && n <= 30);

test('SE-13: forbidden characters, bad pseudo-headers and lengths that lie: nothing of it arrives', () => {
  expect(BAD_HEADS.length).toBeGreaterThan(30);
  for (const row of BAD_HEADS) {
    const { measured, complaints } = runRow(row);
    expect([row.name, complaints, measured.resets.get(1)]).toEqual([row.name, [], 1]);
    // The good call after it, or the one whose body lied only after its head.
    expect([row.name, measured.attemptsStarted - measured.innocentCalls]).toEqual([row.name, 1]);
  }
});

test('SE-10: a call whose host differs from its :authority is refused', () => {
  const [row] = BAD_HEADS.filter(({ name }) => name === 'host differs');
  const { measured, complaints } = runRow(row as Row);
  expect(complaints).toEqual([]);
  expect([...measured.resets]).toEqual([[1, 1]]);
});

test('OV-11: who opens and resets streams fast is stopped, and others do not notice', () => {
  const [row] = ROWS.filter(({ name }) => name.startsWith('rapid reset'));
  const { measured, complaints } = runRow(row as Row);
  expect(complaints).toEqual([]);
  expect(measured.goAway).toBe(11);
  expect(measured.innocentAnswered).toBe(measured.innocentCalls);
  expect(measured.attemptsStarted - measured.innocentCalls).toBeLessThanOrEqual(1_001);
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
