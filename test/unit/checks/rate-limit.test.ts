import { describe, expect, test } from 'vitest';
import { rateLimit } from '../../../sim/checks/rate-limit.ts';
import { Kind } from '../../../sim/journal/events.ts';
import { Script } from './journal-script.ts';

const mesh = (): Script => new Script(2, { sidecar: { rateLimit: { perSecond: 100, burst: 2 } } }).up(2);
function pass(script: Script, times = 1): Script {
  for (let time = 0; time < times; time++) {
    const call = script.begin();
    script.sent(call, 1, 0).write(Kind.sidecarCallEnd, call, -1, -1, 0, 0).end(call, 0);
  }
  return script;
}
function refuse(script: Script): Script {
  const call = script.begin();
  return script.write(Kind.sidecarCallEnd, call, -1, -1, 8, 1).end(call, 8);
}

describe('rateLimit', () => {
  test('OV-06: a burst, then the rate: holds', () => {
    const script = refuse(pass(refuse(pass(mesh(), 2)).at(10)));
    expect(script.sent(9, 2, 0).verdict(rateLimit())).toMatchObject({ outcome: 'holds', exercised: 2 });
  });

  test('OV-06: one call too many, one refused although it might have passed', () => {
    const many = pass(mesh(), 3).verdict(rateLimit());
    expect(many.explanation).toContain('let call 2 begin with -1.00 tokens in a bucket of 2');
    expect(pass(mesh(), 3).verdict(rateLimit({ toleranceMs: 10 })).outcome).toBe('not exercised');
    const early = refuse(pass(mesh()).at(5)).verdict(rateLimit());
    expect(early.explanation).toContain('refused call 1 with 1.50 tokens left');
    expect(() => rateLimit({ toleranceMs: -1 })).toThrow("'toleranceMs' is -1");
  });

  test('without a limit, or below it, nothing is shown', () => {
    expect(refuse(new Script(2).up(2)).verdict(rateLimit()).outcome).toBe('not exercised');
    expect(pass(mesh()).verdict(rateLimit()).outcome).toBe('not exercised');
  });
});
