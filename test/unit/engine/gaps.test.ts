/** A long gap of the measuring process while there is load makes a run inconclusive; a short one, or one before it, does not. */
import { expect, test } from 'vitest';
import { Gaps } from '../../../sim/engine/gaps.ts';
import { type EventView, Kind } from '../../../sim/journal/events.ts';
import { newEventView } from '../../../sim/journal/journal.ts';

const at = (ms: number, kind: Kind, more: Partial<EventView>): EventView => ({
  ...newEventView(),
  kind,
  tNs: ms * 1e6,
  ...more,
});
const gaps = (...stalls: readonly [endMs: number, ms: number][]): Gaps => {
  const made = new Gaps();
  const events = stalls.map(([endMs, ms], seq) => at(endMs, Kind.stall, { detail: ms, seq }));
  events.push(at(1_000, Kind.phase, { code: 0 }), at(5_000, Kind.phase, { code: 1 }));
  for (const event of events.sort((a, b) => a.tNs - b.tNs)) made.onEvent(event);
  return made;
};

const CASES: [string, [number, number][], string | null][] = [
  ['none', [], null],
  ['short', [[3_000, 999]], null],
  ['over before the load', [[900, 1_500]], null],
  ['begun after the load', [[6_500, 1_400]], null],
  ['in the load', [[3_000, 1_000]], '1000 ms until 3.000 s'],
  ['across its begin', [[1_100, 1_500]], '1500 ms until 1.100 s'],
  ['across its end', [[6_000, 1_500]], '1500 ms until 6.000 s'],
  [
    'the longest is named',
    [
      [3_000, 1_100],
      [4_900, 1_800],
    ],
    '1800 ms until 4.900 s',
  ],
];

test.each(CASES)('%s', (_name, stalls, text) => {
  const verdict = gaps(...stalls).verdict();
  expect(verdict?.outcome ?? null).toBe(text === null ? null : 'inconclusive');
  if (text !== null) expect(verdict?.explanation).toContain(text);
});
