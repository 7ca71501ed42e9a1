/** Every listener, also one beyond the judge's own slots, hears exactly the events of its kinds, in order. */
import { expect, test } from 'vitest';
import { Judge } from '../../../sim/engine/judge.ts';
import { Kind } from '../../../sim/journal/events.ts';
import { Journal } from '../../../sim/journal/journal.ts';

const KINDS: readonly Kind[] = [Kind.callStart, Kind.attemptSent, Kind.callEnd, Kind.phase];

test('thirteen listeners hear what they asked for', () => {
  const heard = Array.from({ length: 13 }, () => [] as string[]);
  const wants: readonly (readonly Kind[])[] = heard.map((_, index) =>
    KINDS.filter((_kind, at) => ((index + 3) >> at) % 2 === 1),
  );
  const judge = new Judge(
    heard.map((list, index) => ({
      kinds: wants[index] as readonly Kind[],
      onEvent: ({ kind, seq, call }) => list.push(`${kind} ${seq} ${call}`),
    })),
  );
  const journal = new Journal({ retain: false });
  journal.onChunk(judge.consume);
  const written: Kind[] = [];
  for (let seq = 0; seq < 7_000; seq++) {
    const kind = seq % 5 === 4 ? Kind.attemptArrived : (KINDS[(seq * 7) % 4] as Kind);
    written.push(kind);
    journal.write(kind, seq, seq + 1, -1, -1, -1, -1, -1);
  }
  journal.finish();
  heard.forEach((list, index) => {
    const expected = written.flatMap((kind, seq) =>
      wants[index]?.includes(kind) === true ? [`${kind} ${seq} ${seq + 1}`] : [],
    );
    expect(list).toEqual(expected);
  });
});
