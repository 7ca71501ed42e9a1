/** Checks of what sidecars do with what discovery tells them: each verdict from a journal by hand. */
import { describe, expect, test } from 'vitest';
import { check } from '../../../sim/checks/index.ts';
import { CONFIG_EVENTS, ENDPOINT_CHANGES, Kind } from '../../../sim/journal/events.ts';
import { Script } from './journal-script.ts';

class Told extends Script {
  attempt(instance: number, first = 1): this {
    return this.write(Kind.attemptSent, 0, first === 1 ? 1 : 2, instance, -1, first);
  }
  config(event: (typeof CONFIG_EVENTS)[number], response: number, type = 1, sidecar = 0): this {
    return this.write(Kind.config, response, -1, -1, CONFIG_EVENTS.indexOf(event), type, sidecar);
  }
  changed(change: (typeof ENDPOINT_CHANGES)[number], sidecar = 0): this {
    return this.write(Kind.endpointChanged, -1, -1, 0, ENDPOINT_CHANGES.indexOf(change), -1, sidecar);
  }
}

describe('noCallsToDeparted', () => {
  const spec = check.noCallsToDeparted({ withinMs: 100 });

  test('DC-01: an attempt at the very end of the time is in time, one after it is not', () => {
    const script = (ms: number) =>
      new Told(2).at(0).member(1, 'removed').at(ms).attempt(1).at(200).attempt(0);
    expect(script(100).verdict(spec)).toMatchObject({ outcome: 'holds', exercised: 1 });
    expect(script(101).verdict(spec)).toMatchObject({
      outcome: 'violated',
      explanation:
        'Sidecar 0 sent an attempt to greeter/1 at 101.0 ms, 101 ms after it had left discovery; 100 ms were allowed.',
    });
  });

  test('DC-04: so for draining, from then on, and for retries', () => {
    const script = new Told(2).at(0).member(1, 'draining').at(90).member(1, 'removed').at(110).attempt(1, 0);
    expect(script.verdict(spec)).toMatchObject({ outcome: 'violated', firstAtMs: 110 });
  });

  test('who comes back may be called', () => {
    const script = new Told(2).at(0).member(1, 'removed').at(150).member(1, 'active').attempt(1);
    expect(script.verdict(spec).outcome).toBe('holds');
  });

  test('is not exercised without a departure, or without a call after it', () => {
    expect(new Told(1).attempt(0).verdict(spec)).toMatchObject({
      outcome: 'not exercised',
      explanation: 'No instance left discovery.',
    });
    const early = new Told(2).at(0).member(1, 'removed').at(100).attempt(0);
    expect(early.verdict(spec).explanation).toBe('1 instance left discovery, but no call came 100 ms later.');
  });

  test('cannot tell when the judge stood still meanwhile', () => {
    const script = new Told(2).at(0).member(1, 'removed').at(1_100);
    script.write(Kind.stall, -1, -1, -1, -1, 1_050, -1).at(1_200).attempt(1);
    expect(script.verdict(spec).outcome).toBe('inconclusive');
  });
});

describe('configAnswers', () => {
  const spec = check.configAnswers();

  test('DC-09: each response is answered once, as it deserves', () => {
    const script = new Told(1).config('told', 0).config('acked', 0).config('spoilt', 1).config('refused', 1);
    script.config('older', 2).config('refused', 2).config('late', 3).config('acked', 3).changed('added');
    expect(script.verdict(spec)).toMatchObject({
      outcome: 'holds',
      exercised: 4,
      explanation: '4 responses answered once each, 2 of them by a NACK that changed nothing.',
    });
  });

  test.each<[string, (script: Told) => Told, RegExp]>([
    ['no answer', (one) => one.config('told', 0), /never answered a response that came at 1.0 ms/],
    [
      'an ACK for what cannot be used',
      (one) => one.config('spoilt', 0).config('acked', 0),
      /sent an ACK for a response that cannot be used/,
    ],
    [
      'a NACK for what can',
      (one) => one.config('late', 0).config('refused', 0),
      /sent a NACK for a response that can be used/,
    ],
    [
      'two answers',
      (one) => one.config('told', 0).config('acked', 0).config('acked', 0),
      /answered a response a second time/,
    ],
    [
      'DC-07: a set that changes with what was refused',
      (one) => one.config('spoilt', 0).config('refused', 0).at(5).changed('removed'),
      /changed its set at 5.0 ms, although what it was told last \(1.0 ms\) cannot be used/,
    ],
    [
      'the same, when something else was told in between',
      (one) =>
        one.config('spoilt', 0).config('refused', 0).config('told', 1, 0).config('acked', 1).changed('added'),
      /changed its set/,
    ],
  ])('%s', (_what, write, words) => {
    const verdict = write(new Told(1).at(1)).verdict(spec);
    expect(verdict.outcome).toBe('violated');
    expect(verdict.explanation).toMatch(words);
  });

  test('a stream that breaks takes its answers along; another sidecar is another', () => {
    const cut = new Told(1, { sidecars: 2 })
      .config('told', 0)
      .config('cut', -1)
      .config('told', 1, 1, 1)
      .config('acked', 1, 1, 1);
    expect(cut.verdict(spec).outcome).toBe('holds');
    const other = new Told(1, { sidecars: 2 }).config('spoilt', 0).config('refused', 0).changed('added', 1);
    expect(other.verdict(spec).outcome).toBe('holds');
  });

  test('is not exercised without a control plane', () => {
    expect(new Told(1).verdict(spec)).toMatchObject({ outcome: 'not exercised' });
  });
});
