/** Runs one row of the table against the whole sans-IO sidecar and says what is wrong with the outcome. */
import type { WireLimits } from '../../proxy/wire/limits.ts';
import type { Measured, Row } from './measured.ts';
import { Rig } from './rig.ts';

export interface Outcome {
  readonly measured: Measured;
  readonly complaints: string[];
}

/** `removed`: limits taken away, to show that the row notices. */
export function runRow(row: Row, removed: Partial<WireLimits> = {}): Outcome {
  const rig = new Rig({
    role: row.role,
    limits: { ...row.limits, ...removed },
    reads: row.reads ?? true,
    open: row.open ?? (row.role === 'client' ? 4 : 0),
    opening: row.opening ?? null,
  });
  const every = Math.max(1, Math.floor(row.pieces.length / 10));
  for (const [i, piece] of row.pieces.entries()) {
    rig.feed(piece);
    if (row.paceMs !== undefined) rig.advance(row.paceMs);
    if (i % 8 === 0) rig.pump();
    if (i % every === 0) rig.callInnocent();
  }
  rig.pump();
  if (row.afterMs !== undefined) rig.advance(row.afterMs);
  rig.callInnocent();
  const extra = row.check?.(rig.measured, rig) ?? '';
  const measured = rig.finish();
  return { measured, complaints: complaintsOf(row, measured, extra) };
}

function complaintsOf(row: Row, measured: Measured, extra: string): string[] {
  const complaints: string[] = extra === '' ? [] : [extra];
  const expect = (holds: boolean, what: string): void => {
    if (!holds) complaints.push(what);
  };
  // Calls that a hostile upstream leaves unanswered are cancelled at their deadline.
  const codes = [...measured.resets.values()].filter((code) => row.role === 'server' || code !== 8);
  expect(
    measured.goAway === (row.goAway ?? -1),
    `GOAWAY ${measured.goAway} (${measured.reason}), not ${row.goAway ?? -1}`,
  );
  if (row.resets !== undefined) {
    const [code, atLeast] = row.resets;
    const right = codes.filter((each) => each === code).length;
    expect(right >= atLeast, `${right} resets with ${code}, not ${atLeast} (${codes.slice(0, 5).join()})`);
  } else if (row.goAway === undefined) expect(codes.length === 0, `resets ${codes.slice(0, 5).join()}`);
  expect(measured.bufferedMax <= (row.bufferedMax ?? BUFFERED_MAX), `buffered ${measured.bufferedMax}`);
  const streamsMax = row.role === 'server' ? 100 : 1_000;
  expect(measured.streamsMax <= streamsMax, `${measured.streamsMax} streams`);
  expect(
    measured.attemptsMax <= streamsMax + measured.innocentCalls,
    `${measured.attemptsMax} attempts alive`,
  );
  expect(measured.leftBehind === '', `left behind: ${measured.leftBehind}`);
  expect(measured.innocentEnded === measured.innocentCalls, 'an innocent call hangs');
  const due = row.role === 'server' ? measured.innocentCalls : measured.servedByHonest;
  expect(
    measured.innocentAnswered >= due,
    `innocent ${measured.innocentAnswered} of ${measured.innocentCalls}`,
  );
  return complaints;
}

/** Octets: output at most, half a frame, a block, the block memory. */
const BUFFERED_MAX = 1_048_576 + 262_144;
