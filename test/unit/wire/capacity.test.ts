/** The machine learns from the first SETTINGS that the peer is there, however few streams they allow. */
import { expect, test } from 'vitest';
import { Connection } from '../../../proxy/wire/connection.ts';
import { QUIET, settings } from './kit.ts';

function told(openStreamsMax: number, ...octets: Buffer[]): string[] {
  const events: string[] = [];
  const recorder = {
    ...QUIET,
    onCapacity: (goingAway: boolean) => void events.push(`${goingAway} ${connection.streamCapacity}`),
  };
  const connection: Connection = new Connection('client', recorder, { openStreamsMax });
  for (const piece of octets) connection.handleBytes(piece);
  return events;
}

test.each([1, 50, 100, 101])('SETTINGS that allow %i streams', (allowed) => {
  expect(told(1_000, settings([3, allowed]))).toEqual([`false ${allowed}`]);
  // Again the same: nothing new.
  expect(told(1_000, settings([3, allowed]), settings([3, allowed]))).toHaveLength(1);
});

test('SETTINGS that say nothing of streams, where we open few', () => {
  expect(told(2, settings())).toEqual(['false 2']);
});

test('SETTINGS that allow none, then some', () => {
  expect(told(1_000, settings([3, 0]))).toEqual([]);
  expect(told(1_000, settings([3, 0]), settings([3, 5]))).toEqual(['false 5']);
});
