/** Keepalive and the age of connections (gRFC A8, A9), octet by octet, with a clock of our own. */
import { describe, expect, test } from 'vitest';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import { Drive, PREFACE, REQUEST, call, data, frame, frames, headers, settings, uint32 } from './kit.ts';

const SETTINGS_ACK = frame(4, 1, 0);
const CALM = 11;

/** A connection whose opening is done, and its clock in ms. */
class Clock {
  readonly drive: Drive;
  #nowMs = 1_000;

  constructor(role: 'server' | 'client', limits: Record<string, number>) {
    this.drive = new Drive({ role, limits, nowNs: () => this.#nowMs * 1e6 });
    this.drive.feed(SETTINGS_ACK);
    this.drive.take();
  }

  /** Lets time pass, waking the connection when it wants to be woken. */
  pass(ms: number): void {
    const { connection } = this.drive;
    const endMs = this.#nowMs + ms;
    for (let wakes = 0; wakes < 1_000 && connection.nextTimeoutNs <= endMs * 1e6; wakes++) {
      this.#nowMs = connection.nextTimeoutNs / 1e6;
      connection.nowNs = connection.nextTimeoutNs;
      connection.handleTimeout();
    }
    this.#nowMs = endMs;
    connection.nowNs = endMs * 1e6;
  }

  /** Frames of one type that came out since the last look. */
  sent(type: number): Buffer[] {
    const taken = this.drive.take();
    return taken
      .filter((each) => each.type === type && (type !== 6 || each.flags === 0))
      .map(({ payload }) => payload);
  }

  open(): void {
    this.drive.connection.openStream(null, headerBlock(REQUEST), -1, 0, true);
  }
}

const PING = 6;
const GOAWAY = 7;

describe('MS-33: a connection that died without a word is closed within keepalive time and timeout', () => {
  test('a caller is asked after the time, and its connection is closed after the timeout', () => {
    const clock = new Clock('server', { keepaliveTimeMs: 60_000, keepaliveTimeoutMs: 20_000 });
    clock.drive.feed(call(1));
    clock.pass(59_999);
    expect(clock.sent(PING)).toHaveLength(0);
    clock.pass(1);
    expect(clock.sent(PING)).toHaveLength(1);
    clock.pass(19_999);
    expect([clock.drive.closed, clock.sent(PING).length]).toEqual(['', 0]);
    clock.pass(1);
    expect(clock.drive.closed).toBe('nothing came after a keepalive PING');
    clock.drive.take();
    expect(clock.drive.goAway).toBe(0);
  });

  test('who answers is asked again after the time, and anything is an answer', () => {
    const clock = new Clock('server', { keepaliveTimeMs: 60_000 });
    clock.pass(60_000);
    const [ping] = clock.sent(PING);
    clock.drive.feed(frame(6, 1, 0, ping));
    clock.pass(59_999);
    expect(clock.sent(PING)).toHaveLength(0);
    clock.pass(1);
    expect(clock.sent(PING)).toHaveLength(1);
    clock.drive.feed(settings());
    clock.pass(59_999);
    expect(clock.drive.closed).toBe('');
    // Whoever is heard of is not asked.
    clock.drive.feed(settings());
    clock.pass(59_999);
    expect(clock.sent(PING)).toHaveLength(0);
  });

  test('an endpoint is asked only while streams are open', () => {
    const clock = new Clock('client', { keepaliveTimeMs: 60_000, keepaliveTimeoutMs: 20_000 });
    clock.pass(600_000);
    expect([clock.sent(PING).length, clock.drive.closed]).toEqual([0, '']);
    clock.open();
    clock.pass(60_000);
    expect(clock.sent(PING)).toHaveLength(1);
    clock.pass(20_000);
    expect(clock.drive.closed).toBe('nothing came after a keepalive PING');
  });

  test('who has said nothing yet is asked after the time, too, counted from the first look at the clock', () => {
    const limits = { keepaliveTimeMs: 2_000 };
    const { connection } = new Drive({ role: 'client', limits, open: 1, preface: false });
    connection.nowNs = 90_000e6;
    expect(connection.nextTimeoutNs).toBe(92_000e6);
    connection.nowNs = 91_999e6;
    expect(connection.nextTimeoutNs).toBe(92_000e6);
  });

  test('a caller whose preface is not here yet is not asked: SETTINGS are the first frame that it gets', () => {
    const drive = new Drive({ limits: { keepaliveTimeMs: 1_000 }, preface: false });
    const { connection } = drive;
    expect(connection.nextTimeoutNs).toBe(10_000e6);
    connection.nowNs = 1_000e6;
    connection.handleTimeout();
    expect(drive.take()).toEqual([]);
    drive.feed(PREFACE, settings());
    expect(frames(drive.output)[0]?.type).toBe(4);
  });

  test('by default callers are asked after two hours and endpoints never', () => {
    const [caller, endpoint] = [
      new Clock('server', { connectionIdleTimeoutMs: 86_400_000, streamIdleTimeoutMs: 86_400_000 }),
      new Clock('client', {}),
    ];
    endpoint.open();
    for (const clock of [caller, endpoint]) clock.pass(7_199_999);
    expect([caller.sent(PING).length, endpoint.sent(PING).length]).toEqual([0, 0]);
    for (const clock of [caller, endpoint]) clock.pass(1);
    expect([caller.sent(PING).length, endpoint.sent(PING).length]).toEqual([1, 0]);
  });
});

describe('MS-32: keepalive PINGs slow down after too_many_pings', () => {
  const goAway = (code: number, text: string): Buffer =>
    frame(7, 0, 0, Buffer.concat([uint32(0x7fffffff), uint32(code), Buffer.from(text)]));

  test('only that GOAWAY says so', () => {
    const said = (octets: Buffer): boolean => {
      const clock = new Clock('client', {});
      clock.open();
      clock.drive.feed(octets);
      return clock.drive.connection.pingedTooOften;
    };
    expect(said(goAway(CALM, 'too_many_pings'))).toBe(true);
    expect([said(goAway(CALM, 'too_many_calls')), said(goAway(0, 'too_many_pings'))]).toEqual([false, false]);
  });

  test('a slower connection asks as many times rarer', () => {
    const clock = new Clock('client', { keepaliveTimeMs: 60_000 });
    clock.drive.connection.slowPings(4);
    clock.open();
    clock.pass(239_999);
    expect(clock.sent(PING)).toHaveLength(0);
    clock.pass(1);
    expect(clock.sent(PING)).toHaveLength(1);
  });
});

describe('the age of a connection from a caller', () => {
  const ages = { connectionAgeMaxMs: 100_000, connectionAgeGraceMs: 5_000 };

  test('it is told to connect anew, then which call was the last one, and ends with its calls', () => {
    const clock = new Clock('server', { connectionAgeMaxMs: 100_000 });
    clock.drive.feed(headers(1, REQUEST, false));
    clock.pass(89_000);
    expect(clock.sent(GOAWAY)).toHaveLength(0);
    clock.pass(21_000);
    const told = clock.sent(GOAWAY).map((payload) => [payload.readUInt32BE(0), payload.readUInt32BE(4)]);
    expect(told).toEqual([
      [0x7fffffff, 0],
      [1, 0],
    ]);
    clock.pass(200_000);
    expect(clock.drive.closed).toBe('');
    clock.drive.feed(data(1, 5, true));
    clock.drive.take();
    expect(clock.drive.closed).toBe('drained after GOAWAY');
  });

  test('calls that outlive the grace end with it', () => {
    const clock = new Clock('server', ages);
    clock.drive.feed(headers(1, REQUEST, false));
    clock.pass(116_000);
    expect(clock.drive.closed).toBe('its age and grace are over');
  });

  test('connections of one age are not told at once', () => {
    const toldAtMs = (openedUs: number): number => {
      const drive = new Drive({ limits: ages, nowNs: () => openedUs * 1e3 });
      drive.feed(SETTINGS_ACK);
      const { connection } = drive;
      connection.nowNs = openedUs * 1e3;
      let atNs = connection.nextTimeoutNs;
      for (
        let wakes = 0;
        wakes < 100 && frames(Buffer.from(connection.takeOutput())).every(({ type }) => type !== 7);
        wakes++
      ) {
        atNs = connection.nextTimeoutNs;
        connection.nowNs = atNs;
        connection.handleTimeout();
      }
      return (atNs - openedUs * 1e3) / 1e6;
    };
    const times = [0, 250, 500, 750, 999].map((us) => toldAtMs(1_000_000 + us));
    expect(times.map(Math.round)).toEqual([90_000, 95_000, 100_000, 105_000, 109_980]);
  });

  test('one that drains is told nothing more', () => {
    const clock = new Clock('server', ages);
    clock.drive.feed(headers(1, REQUEST, false));
    clock.drive.connection.goAway(0, true);
    expect(clock.sent(GOAWAY)).toHaveLength(1);
    clock.pass(112_000);
    expect(clock.sent(GOAWAY)).toHaveLength(0);
  });
});
