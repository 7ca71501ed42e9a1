import { describe, expect, test } from 'vitest';
import { type HerdParams, noThunderingHerd } from '../../../sim/checks/no-thundering-herd.ts';
import { CONFIG_EVENTS, Kind, REGISTRY_EVENTS } from '../../../sim/journal/events.ts';
import { Script } from './journal-script.ts';

const SIDECARS = 6;
const herd = (more: Partial<HerdParams> = {}) => noThunderingHerd({ burstMax: 3, perSecondMax: 5, ...more });

class Herd extends Script {
  constructor(instances = 1) {
    super(instances, { sidecars: SIDECARS });
  }

  /** Each of the sidecars tries to connect at its time. */
  dial(timesMs: readonly number[], instance = 0): this {
    for (const [sidecar, ms] of timesMs.entries()) this.at(ms).saw(instance, 'dialling', sidecar);
    return this;
  }

  config(event: (typeof CONFIG_EVENTS)[number], sidecar: number): this {
    return this.write(Kind.config, -1, -1, -1, CONFIG_EVENTS.indexOf(event), -1, sidecar);
  }

  registry(event: (typeof REGISTRY_EVENTS)[number], instance = -1, sidecar = -1): this {
    return this.write(Kind.registry, -1, -1, instance, REGISTRY_EVENTS.indexOf(event), -1, sidecar);
  }

  /** All sidecars and two instances ask the registry, each at its time. */
  ask(timesMs: readonly number[]): this {
    for (const [client, ms] of timesMs.entries()) {
      if (client < SIDECARS) this.at(ms).registry('watching', -1, client);
      else this.at(ms).registry('renewing', client - SIDECARS);
    }
    return this;
  }
}

const FIRST = [0, 0, 0, 0, 0, 0];

describe('FO-33: noThunderingHerd', () => {
  test('first attempts may come together, repeated ones only so many in a window', () => {
    const spread = new Herd().dial(FIRST).dial([100, 104, 108, 110, 114, 118]).verdict(herd());
    expect(spread).toMatchObject({ outcome: 'holds', exercised: 6 });
    expect(spread.explanation).toContain('12 attempts to connect, 6 of them repeated');
    const together = new Herd().dial(FIRST).dial([100, 104, 108, 109.9, 114, 118]).verdict(herd());
    expect(together).toMatchObject({ outcome: 'violated', firstAtMs: 109.9 });
    expect(together.explanation).toBe(
      'More than 3 repeated attempts to connect to greeter/0 came within 9.9 ms up to 109.9 ms.',
    );
    expect(together.evidence).toHaveLength(4);
  });

  test('each instance for itself, and after a connection the next attempt is a first one again', () => {
    const two = new Herd(2).dial(FIRST, 0).dial(FIRST, 1).dial([100, 101, 102], 0).dial([100, 101, 102], 1);
    expect(two.verdict(herd()).outcome).toBe('holds');
    const script = new Herd().dial(FIRST).at(50);
    for (let sidecar = 0; sidecar < SIDECARS; sidecar++) script.saw(0, 'connected', sidecar);
    for (let sidecar = 0; sidecar < SIDECARS; sidecar++) script.saw(0, 'disconnected', sidecar);
    expect(script.dial([100, 100, 100, 100, 100, 100]).dial([200, 240]).verdict(herd())).toMatchObject({
      outcome: 'holds',
      exercised: 2,
    });
  });

  test('connections beside one that stands, for more calls, do not count', () => {
    const busy = (): Script => {
      const script = new Herd().dial(FIRST).at(10);
      for (let sidecar = 0; sidecar < SIDECARS; sidecar++) script.saw(0, 'connected', sidecar);
      return script;
    };
    const more = (script: Script): Script => {
      for (let dials = 0; dials < 7; dials++) script.at(20).saw(0, 'dialling', 0);
      return script;
    };
    expect(more(busy()).verdict(herd()).outcome).toBe('not exercised');
    expect(more(busy().saw(0, 'disconnected', 0)).verdict(herd()).outcome).toBe('violated');
  });

  test('one sidecar tries only so often in a second, the first time too', () => {
    const script = (lastMs: number): Script => {
      const begun = new Herd();
      for (const ms of [0, 100, 260, 500, 800, lastMs]) begun.dial([ms]);
      return begun;
    };
    expect(script(1_000).verdict(herd()).outcome).toBe('holds');
    const often = script(999).verdict(herd());
    expect(often.outcome).toBe('violated');
    expect(often.explanation).toContain(
      'Sidecar 0 tried to connect to greeter/0 more than 5 times in the second up to 999.0 ms',
    );
  });

  test('streams to the control plane as connections to an instance', () => {
    const open = (timesMs: readonly number[]): Herd => {
      const script = new Herd();
      for (let sidecar = 0; sidecar < SIDECARS; sidecar++) script.at(0).config('opening', sidecar);
      for (let sidecar = 0; sidecar < SIDECARS; sidecar++) script.at(1).config('told', sidecar);
      for (let sidecar = 0; sidecar < SIDECARS; sidecar++) script.at(200).config('opening', sidecar);
      for (const [sidecar, ms] of timesMs.entries()) script.at(ms).config('opening', sidecar);
      return script;
    };
    expect(open([300, 303, 306, 310]).verdict(herd())).toMatchObject({ outcome: 'holds', exercised: 4 });
    const verdict = open([300, 303, 306, 309]).verdict(herd());
    expect(verdict.explanation).toContain('More than 3 repeated attempts to connect to the control plane');
  });

  test('a rush of calls at who is back', () => {
    const back = (picks: number): Script => {
      const script = new Script(2).up(2).saw(1, 'unpickable').picks([0, 0]).saw(1, 'pickable');
      const order = Array.from({ length: 40 }, (_, at) => (at < picks ? 1 : 0));
      return script.picks(order);
    };
    expect(back(25).verdict(herd({ rushMax: 1.25 }))).toMatchObject({ outcome: 'holds', exercised: 1 });
    const rush = back(26).verdict(herd({ rushMax: 1.25 }));
    expect(rush.outcome).toBe('violated');
    expect(rush.explanation).toContain(
      'greeter/1, which sidecar 0 could pick again from 2.0 ms on, had 26 of its picks up to 41.0 ms, 1.30 times its share of 20.0',
    );
    expect(back(26).verdict(herd()).outcome).toBe('not exercised');
    const gone = new Script(2)
      .up(2)
      .saw(1, 'unpickable')
      .saw(1, 'pickable')
      .picks([1, 1])
      .saw(1, 'unpickable');
    expect(gone.picks(Array.from({ length: 40 }, () => 0)).verdict(herd({ rushMax: 1 })).outcome).toBe(
      'not exercised',
    );
    // A share is by weight.
    const heavy = new Script(2, { weights: [1, 3] }).up(2).saw(1, 'unpickable').saw(1, 'pickable');
    expect(
      heavy.picks(Array.from({ length: 40 }, (_, at) => (at % 4 === 0 ? 0 : 1))).verdict(herd({ rushMax: 1 }))
        .outcome,
    ).toBe('holds');
  });

  test('of the clients that come back to a registry only a share asks in any window', () => {
    const back = (timesMs: readonly number[]): Herd => {
      const script = new Herd(2).ask([0, 0, 0, 0, 0, 0, 0, 0]).at(1_000).registry('gone');
      // In vain, and together: that is no return.
      script.ask([1_900, 1_900, 1_900, 1_900, 1_900, 1_900, 1_900, 1_900]).at(2_000).registry('serving');
      return script.ask(timesMs);
    };
    const half = herd({ returnShareMax: 0.5 });
    const spread = back([2_001, 2_001, 2_001, 2_001, 2_021, 2_030, 2_040, 2_050]);
    // The second time each comes when it comes.
    expect(spread.ask([2_060, 2_060, 2_060, 2_060, 2_060, 2_060]).verdict(half)).toMatchObject({
      outcome: 'holds',
      exercised: 8,
    });
    const together = back([2_001, 2_001, 2_001, 2_001, 2_020.9, 2_030, 2_040, 2_050]).verdict(half);
    expect(together).toMatchObject({ outcome: 'violated', firstAtMs: 2_020.9 });
    expect(together.explanation).toBe(
      'Of 8 clients that came back to the registry, 5 asked it within 19.9 ms up to 2.021 s; 4 may in 20 ms.',
    );
    expect(together.evidence).toHaveLength(5);
    const wider = herd({ returnShareMax: 0.5, returnWindowMs: 21 });
    expect(back([2_001, 2_001, 2_001, 2_001, 2_021, 2_030]).verdict(wider).outcome).toBe('violated');
    // Who stays away is no part of those that come back, and one alone is no herd.
    expect(back([2_001, 2_001]).verdict(half).outcome).toBe('violated');
    expect(back([2_001]).verdict(half).outcome).toBe('not exercised');
    expect(back([2_001, 2_001, 2_001, 2_001, 2_001]).verdict(herd()).outcome).toBe('not exercised');
  });

  test('each outage of a registry for itself, also one that ends before all are back', () => {
    const outages = (lastMs: number): Herd => {
      const script = new Herd(2).ask([0, 0, 0, 0, 0, 0, 0, 0]);
      for (const ms of [1_000, 3_000, 5_000]) {
        script.at(ms).registry('gone');
        script
          .at(ms + 500)
          .registry('serving')
          .ask([ms + 500, ms + 600, ms + lastMs]);
      }
      return script;
    };
    const half = herd({ returnShareMax: 0.5 });
    expect(outages(700).verdict(half)).toMatchObject({ outcome: 'holds', exercised: 9 });
    const verdict = outages(600).verdict(half);
    expect(verdict).toMatchObject({ outcome: 'violated', firstAtMs: 1_600 });
    expect(verdict.explanation).toContain('3 times it was too much.');
  });

  test('the same for a control plane that lets them in again', () => {
    const back = (timesMs: readonly number[]): Herd => {
      const script = new Herd();
      for (let sidecar = 0; sidecar < SIDECARS; sidecar++) script.at(0).config('opened', sidecar);
      for (let sidecar = 0; sidecar < SIDECARS; sidecar++) script.at(10).config('cut', sidecar);
      for (const [sidecar, ms] of timesMs.entries()) script.at(ms).config('opened', sidecar);
      return script;
    };
    const half = herd({ returnShareMax: 0.5 });
    const spread = back([100, 100, 100, 120, 140, 160]).verdict(half);
    expect(spread).toMatchObject({ outcome: 'holds', exercised: 6 });
    expect(spread.explanation).toContain('; 6 clients came back one after the other.');
    expect(back([100, 100, 100, 119, 140, 160]).verdict(half).explanation).toContain(
      'Of 6 clients that came back to the control plane, 4 asked it within 19.0 ms up to 119.0 ms; 3 may',
    );
  });

  test('one client asks the registry for a watch or a lease only so often in a second; renewals are no attempts', () => {
    const often = (event: 'watching' | 'registering' | 'renewing', lastMs: number): Herd => {
      const script = new Herd(2);
      const [instance, sidecar] = event === 'watching' ? [-1, 1] : [1, -1];
      for (const ms of [0, 100, 260, 500, 800, lastMs]) script.at(ms).registry(event, instance, sidecar);
      return script;
    };
    expect(often('watching', 1_000).verdict(herd()).outcome).toBe('not exercised');
    expect(often('watching', 999).verdict(herd()).explanation).toBe(
      'Sidecar 1 asked the registry for a watch more than 5 times in the second up to 999.0 ms.',
    );
    expect(often('registering', 999).verdict(herd()).explanation).toContain(
      'greeter/1 asked the registry for a lease more than 5 times',
    );
    expect(often('renewing', 999).verdict(herd()).outcome).toBe('not exercised');
  });

  test('cannot tell where the judge stood still, and shows nothing without a repeated attempt', () => {
    const script = new Herd().dial(FIRST).at(1_100);
    script.write(Kind.stall, -1, -1, -1, -1, 1_050, -1);
    expect(script.dial([1_100, 1_100, 1_100, 1_100]).verdict(herd()).outcome).toBe('inconclusive');
    expect(new Herd().dial(FIRST).verdict(herd()).outcome).toBe('not exercised');
    expect(() => noThunderingHerd({ burstMax: 0 })).toThrow("'burstMax' is 0");
    expect(() => herd({ rushMax: 0.5 })).toThrow("'rushMax' is 0.5");
    expect(() => herd({ returnShareMax: 1.5 })).toThrow("'returnShareMax' is 1.5");
    expect(() => herd({ returnShareMax: 1, returnWindowMs: 0 })).toThrow("'returnWindowMs' is 0");
  });
});
