import { describe, expect, test } from 'vitest';
import { hedging } from '../../../sim/checks/hedging.ts';
import { Kind } from '../../../sim/journal/events.ts';
import { Script } from './journal-script.ts';

const mesh = (): Script => new Script(3, { sidecar: { hedging: { attempts: 2, delayMs: 10 } } }).up(3);
const over = (script: Script, call: number, status = 0, here = 0): Script =>
  script.write(Kind.sidecarCallEnd, call, -1, -1, status, here).end(call, status);

/** A call whose hedge, sent after `afterMs`, wins. */
function won(script: Script, afterMs = 10): Script {
  const call = script.begin();
  script.sent(call, 1, 0);
  script.tMs += afterMs;
  script.sent(call, 2, 1);
  script.tMs += 2;
  script.ended(call, 1, 0, -1, 'cancelled').responded(call, 2).ended(call, 2, 1, 0, 'complete');
  return over(script, call);
}

describe('hedging', () => {
  test('FO-16, FO-17: after the delay, the loser cancelled: holds, with the share that hedges won', () => {
    const script = won(won(mesh()));
    expect(script.verdict(hedging({ winShareMin: 1 }))).toMatchObject({ outcome: 'holds', exercised: 2 });
    const lost = won(mesh());
    const call = lost.begin();
    lost.sent(call, 1, 0);
    lost.tMs += 10;
    lost.sent(call, 2, 1).ended(call, 2, 1, -1, 'cancelled').responded(call, 1);
    over(lost.ended(call, 1, 0, 0, 'complete'), call);
    const verdict = lost.verdict(hedging({ winShareMin: 0.6 }));
    expect(verdict.outcome).toBe('violated');
    expect(verdict.explanation).toContain('50.0 % of them won by one');
  });

  test('FO-16: too early, too many, and after the response', () => {
    expect(won(mesh(), 9).verdict(hedging()).explanation).toContain(
      'sent attempt 2 of call 0 9.0 ms after the last',
    );
    expect(won(mesh(), 9).verdict(hedging({ toleranceMs: 1 })).outcome).toBe('holds');
    const many = mesh();
    const call = many.begin();
    many.sent(call, 1, 0).at(10).sent(call, 2, 1).at(20).sent(call, 3, 2);
    expect(many.verdict(hedging()).explanation).toContain('sent attempt 3 of call 0');
    const late = mesh();
    const other = late.begin();
    late.sent(other, 1, 0).responded(other).at(10).sent(other, 2, 1);
    expect(late.verdict(hedging()).explanation).toContain('after its response had begun');
  });

  test('FO-16: at once after a failure', () => {
    const script = mesh();
    const call = script.begin();
    script.sent(call, 1, 0).at(3).ended(call, 1, 0, 14, 'complete').sent(call, 2, 1);
    over(script.responded(call, 2).ended(call, 2, 1, 0, 'complete'), call);
    expect(script.verdict(hedging()).outcome).toBe('holds');
  });

  test('FO-17: two answers, an attempt alive after the response, or after the end', () => {
    const alive = mesh();
    const call = alive.begin();
    alive.sent(call, 1, 0).at(10).sent(call, 2, 1).responded(call, 2);
    expect(alive.verdict(hedging()).explanation).toContain('on with 2 attempts alive');
    const twice = mesh();
    const one = twice.begin();
    twice.sent(one, 1, 0).responded(one, 1).responded(one, 1);
    expect(twice.verdict(hedging()).explanation).toContain('began a second response for call 0');
    const end = mesh();
    const two = end.begin();
    over(end.sent(two, 1, 0), two);
    expect(end.verdict(hedging()).explanation).toContain('ended call 0 with 1 attempt alive');
  });

  test('FO-18: nothing alive, and nothing happens', () => {
    const script = (): Script => mesh().sent(0, 1, 0).at(3).ended(0, 1, 0, 14, 'complete').at(9);
    expect(over(script(), 0, 14, 1).verdict(hedging()).explanation).toContain(
      'ended call 0 only 6.0 ms after its last attempt',
    );
    expect(script().sent(0, 2, 1).verdict(hedging()).outcome).toBe('violated');
    const waited = script().at(20).sent(0, 2, 1).verdict(hedging());
    expect(waited.explanation).toContain('let call 0 wait 17.0 ms with no attempt alive');
  });

  test('FO-16: an attempt left alone longer than the delay is a missed hedge', () => {
    const missed = (): Script => {
      const script = won(mesh());
      const call = script.begin();
      script.sent(call, 1, 0);
      script.tMs += 15;
      return over(script.ended(call, 1, 0, 0, 'complete'), call);
    };
    expect(missed().verdict(hedging({ missedShareMax: 0.5 })).outcome).toBe('holds');
    const verdict = missed().verdict(hedging());
    expect(verdict.explanation).toContain('1 of 2 that were slow had none, where 0.0 % may have none');
  });

  test('without hedging, or without need, nothing is shown', () => {
    expect(won(new Script(2).up(2)).verdict(hedging()).outcome).toBe('not exercised');
    expect(mesh().picks([0, 1]).verdict(hedging()).outcome).toBe('not exercised');
    expect(() => hedging({ winShareMin: 2 })).toThrow("'winShareMin' is 2");
  });
});
