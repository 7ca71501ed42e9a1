/** Checks of sidecars that are replaced, leave, or die: each verdict from a journal by hand. */
import { describe, expect, test } from 'vitest';
import { check } from '../../../sim/checks/index.ts';
import { Kind, SIDECAR_STATES } from '../../../sim/journal/events.ts';
import type { CheckContext, CheckSpec } from '../../../sim/spec/check.ts';
import { Script } from './journal-script.ts';

class Life extends Script {
  became(state: (typeof SIDECAR_STATES)[number], machine = 0): this {
    return this.write(Kind.sidecarState, -1, -1, -1, SIDECAR_STATES.indexOf(state), machine);
  }
}

const life = (): Life => new Life(1).up(1) as Life;

describe('cutOver', () => {
  const cutOver = check.cutOver({ goneWithinMs: 100 });

  test('holds when every call across the change ends well, and says how many there were', () => {
    const script = life();
    const call = script.begin();
    script.at(10).became('starting', 1).at(20).became('serving', 1).became('draining', 0);
    const meanwhile = script.begin();
    script.at(30).end(call, 0).end(meanwhile, 0).at(40).became('gone', 0);
    expect(script.verdict(cutOver)).toMatchObject({
      outcome: 'holds',
      exercised: 1,
      explanation: '1 change with 1 call in flight: all of them, and those that came meanwhile, ended well.',
    });
  });

  test.each([
    ['in flight', 0, 30],
    ['made meanwhile', 25, 30],
    ['in flight and cut at the end', 0, 45],
  ])('a call %s that fails is lost', (_what, beginMs, endMs) => {
    const script = life();
    let call = beginMs === 0 ? script.begin() : -1;
    script.at(10).became('draining');
    const other = script.begin();
    if (call < 0) call = script.at(beginMs).begin();
    if (endMs < 40) script.at(endMs).end(call, 14);
    script.end(other, 0).at(40).became('gone');
    if (endMs >= 40) script.at(endMs).end(call, 14);
    const verdict = script.verdict(cutOver);
    expect(verdict).toMatchObject({ outcome: 'violated', firstAtMs: endMs });
    expect(verdict.explanation).toContain(
      `1 call failed while a sidecar changed over; the first was call ${call}`,
    );
    expect(script.verdict(check.cutOver({ goneWithinMs: 100, allowStatuses: [14] })).outcome).toBe(
      beginMs === 0 ? 'holds' : 'not exercised',
    );
  });

  test('what fails before or after the change is not its matter', () => {
    const script = life();
    script.end(script.begin(), 14);
    const call = script.begin();
    script.at(10).became('draining').at(20).end(call, 0).became('gone');
    script.end(script.begin(), 14);
    expect(script.verdict(cutOver).outcome).toBe('holds');
  });

  test('two changes that overlap are one until the last machine is gone', () => {
    const script = life();
    const call = script.begin();
    script.at(10).became('draining', 0).became('starting', 2).at(20).became('gone', 0);
    script.end(script.begin(), 14).end(call, 0);
    expect(script.verdict(cutOver).outcome).toBe('violated');
  });

  test('gone too late, or never, is told with the time it took', () => {
    const late = life();
    const call = late.begin();
    late.at(10).became('draining').end(call, 0).at(150).became('gone');
    expect(late.verdict(cutOver)).toMatchObject({
      outcome: 'violated',
      explanation: 'Sidecar 0, which began to leave at 10.0 ms, took 140.0 ms to be gone.',
    });
    const never = life().at(10).became('draining').at(300).phase(2);
    expect(never.verdict(cutOver).explanation).toContain('was still there after 290.0 ms');
  });

  test('without a change, or without a call across it, nothing was shown', () => {
    expect(life().verdict(cutOver)).toMatchObject({
      outcome: 'not exercised',
      explanation: 'No sidecar left.',
    });
    const idle = life().at(10).became('draining').at(20).became('gone').verdict(cutOver);
    expect(idle).toMatchObject({
      outcome: 'not exercised',
      explanation: 'No call was in flight at 1 change.',
    });
  });

  test('a crash ends the change: what it costs is crashSeen’s matter', () => {
    const script = life();
    const [cut, well] = [script.begin(), script.begin()];
    script.at(10).became('draining').end(well, 0).became('crashed').end(cut, 14);
    expect(script.verdict(cutOver).outcome).toBe('holds');
  });

  test('bad limits are refused', () => {
    expect(() => check.cutOver({ goneWithinMs: 0 })).toThrow(/'goneWithinMs' is 0/);
    expect(() => check.cutOver({ goneWithinMs: 1, allowStatuses: [-1] })).toThrow(/'allowStatuses' is -1/);
  });
});

describe('crashSeen', () => {
  const crashSeen = check.crashSeen({ withinMs: 50, backWithinMs: 100 });

  /** One call in flight at the crash (at 10 ms), one made at 100 ms while the sidecar is away, one at 400 ms when it is back. */
  const crash = (ends: { cut?: [number, number]; away?: [number, number]; back?: [number, number] } = {}) => {
    const { cut = [12, 14], away = [101, 14], back = [401, 0] } = ends;
    const script = life();
    const call = script.begin();
    script.at(10).became('crashed').at(cut[0]).end(call, cut[1]);
    const second = script.at(100).begin();
    script.at(away[0]).end(second, away[1]).at(200).became('serving', 1);
    const third = script.at(400).begin();
    return script.at(back[0]).end(third, back[1]).phase(2);
  };

  test('holds when all ended at once and it is back', () => {
    expect(crash().verdict(crashSeen)).toMatchObject({
      outcome: 'holds',
      exercised: 2,
      explanation: '1 crash with 1 call in flight and 1 made meanwhile: each ended within 2.0 ms.',
    });
    expect(crash({ cut: [12, 0] }).verdict(crashSeen).outcome).toBe('holds');
  });

  test.each([
    ['ended late', crash({ cut: [70, 14] }), 'call 0 ended 60.0 ms after the crash'],
    ['ended otherwise', crash({ cut: [12, 4] }), 'call 0 ended with status 4 and not UNAVAILABLE'],
    [
      'made meanwhile and late',
      crash({ away: [180, 14] }),
      'call 1 ended 80.0 ms after its begin, while the sidecar was away',
    ],
    [
      'failed long after its return',
      crash({ back: [401, 14] }),
      'call 2 failed with status 14 although sidecar 0 was back for long',
    ],
  ])('a call that %s', (_what, script, words) => {
    const verdict = script.verdict(crashSeen);
    expect(verdict.outcome).toBe('violated');
    expect(verdict.explanation).toContain(words);
  });

  test('a call that hangs, and a sidecar that never comes back', () => {
    const script = life();
    script.begin();
    script.at(10).became('crashed').at(300).phase(2);
    const verdict = script.verdict(crashSeen);
    expect(verdict.explanation).toContain('2 violations; the first: call 0 hung: it never ended');
  });

  test('without a crash, or without a call there, nothing was shown', () => {
    expect(life().picks([0]).verdict(crashSeen)).toMatchObject({ explanation: 'No sidecar crashed.' });
    const idle = life().at(5).became('crashed').at(6).became('serving', 1).verdict(crashSeen);
    expect(idle.outcome).toBe('not exercised');
  });
});

describe('a sidecar of which another machine took over', () => {
  const up = (more: Partial<CheckContext>): Life => new Life(3, more).up(3) as Life;
  /** It begins anew: where it likes, with full buckets, and with nothing under way. */
  const anew = (script: Life): Life => script.became('starting', 1).became('serving', 1);
  const failing = (script: Life, calls: number): Life => {
    for (let call = 0; call < calls; call++) {
      const number = script.begin();
      script.sent(number, 1, 0).ended(number, 1, 0, 14, 'complete').sent(number, 2, 1);
      script.ended(number, 2, 1, 0, 'complete').write(Kind.sidecarCallEnd, number, -1, -1, 0, 0);
    }
    return script;
  };
  const taking = (script: Life, calls: number): Life => {
    for (let call = 0; call < calls; call++) script.sent(script.begin(), 1, call % 3);
    return script;
  };

  test.each<[string, CheckSpec, Partial<CheckContext>, (script: Life) => Life]>([
    ['roundRobin', check.roundRobin(), {}, (script) => script.picks([1, 1, 1]) as Life],
    ['weightedShare', check.weightedShare(), {}, (script) => script.picks([1, 1, 1, 1, 1, 1, 1]) as Life],
    ['leastRequest', check.leastRequest(), {}, (script) => taking(taking(script, 1), 1)],
    [
      'retryThrottling',
      check.retryThrottling(),
      { sidecar: { retryThrottling: { maxTokens: 2 } } },
      (script) => failing(script, 3),
    ],
    [
      'rateLimit',
      check.rateLimit(),
      { sidecar: { rateLimit: { perSecond: 1, burst: 3 } } },
      (script) => taking(script, 6),
    ],
    [
      'circuitBreaker',
      check.circuitBreaker(),
      { sidecar: { circuitBreaker: { maxRequests: 3 } } },
      (script) => taking(script, 6),
    ],
  ])('%s does not judge it from then on', (_name, spec, more, act) => {
    expect(act(up(more)).verdict(spec).outcome).toBe('violated');
    expect(act(anew(up(more))).verdict(spec).outcome).toBe('not exercised');
  });

  test('recovery: a sidecar that was away is no instance', () => {
    const faults = [
      { kind: 'sidecar.crash', target: 'sidecar/0', instances: [], impact: 'unavailable' as const },
    ];
    const script = up({ faults })
      .picks([0, 1, 2])
      .fault('faultApplied', 0, -1)
      .at(50)
      .fault('faultHealed', 0, -1);
    script.at(2_000).picks([0, 1, 2, 0, 1, 2, 0, 1, 2, 0]);
    expect(script.verdict(check.recovery({ withinMs: 100 })).outcome).toBe('not exercised');
  });
});
