/** An exhibit of the gallery: a planted bug must turn its check red in words, and its mirror, the same scenario with the sidecar as it is, must hold. */
import { describe, expect, test } from 'vitest';
import type { Verdict } from '../../sim/spec/check.ts';
import { type Bug, runMirror, runPlanted } from './plant.ts';

export interface Exhibit extends Bug {
  check: string;
  /** What the check says of the bug. */
  words: RegExp;
  /** The virtual one by default. */
  world?: 'real';
}

/** Both tests of each exhibit; `title` has `$name` in it. */
export function show(title: string, exhibits: readonly Exhibit[]): void {
  describe.each(exhibits)(title, (exhibit) => {
    test('the check turns red and says why', () => {
      expect(verdictOf(exhibit, runPlanted)).toMatchObject({
        outcome: 'violated',
        explanation: expect.stringMatching(exhibit.words),
      });
    });

    test('its mirror holds', () => {
      expect(verdictOf(exhibit, runMirror)).toMatchObject({ outcome: 'holds' });
    });
  });
}

function verdictOf(exhibit: Exhibit, run: typeof runPlanted): Verdict | undefined {
  const record = run(exhibit, exhibit.world ?? 'virtual');
  expect(record.error).toBeNull();
  return record.verdicts.find((one) => one.check === exhibit.check);
}
