/** gRPC messages above a limit end their call, and nothing else. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MessageMeter } from '../../../proxy/core/message-meter.ts';
import { DEFAULT_SIDECAR_CONFIG } from '../../../proxy/policy/config.ts';
import { DEFAULT_HEDGING } from '../../../proxy/policy/failover-config.ts';
import { clusterPolicies } from '../../../proxy/policy/routes/config.ts';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import { FakeMesh, type MeshOptions, RESPONSE } from './fake-mesh.ts';

const LIMIT = 10;
const messageLimit = { requestBytesMax: LIMIT, responseBytesMax: LIMIT };

function message(length: number): Buffer {
  const bytes = Buffer.alloc(5 + length, 7);
  bytes[0] = 1;
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

function meshOf(more: MeshOptions['config'] = {}): FakeMesh {
  return new FakeMesh(2, { config: { messageLimit, ...more } });
}

function expectQuiet(mesh: FakeMesh): void {
  expect(mesh.sidecar.stats()).toMatchObject({ callsAlive: 0, attemptsAlive: 0, requestBytesKept: 0 });
}

describe('a request', () => {
  it('MS-25: passes with messages as long as allowed, however they are cut', () => {
    const mesh = meshOf();
    const call = mesh.call(null);
    const bytes = Buffer.concat([message(LIMIT), message(0), message(LIMIT - 1)]);
    for (const octet of bytes) mesh.session.onData(call, Buffer.of(octet), false);
    mesh.session.onData(call, message(LIMIT), true);
    expect(mesh.link('a').last.body).toEqual([...bytes, ...message(LIMIT)]);
    mesh.port('a').onHeaders(mesh.link('a').last, RESPONSE, false);
    mesh.port('a').onData(mesh.link('a').last, message(LIMIT), false);
    mesh.port('a').onTrailers(mesh.link('a').last, headerBlock([['grpc-status', '0']]));
    expect(call.status).toBe(0);
    expect(mesh.sidecar.stats().messagesTooLong).toBe(0);
    expectQuiet(mesh);
  });

  it.each([1, 4, 5, 6, 15])(
    'MS-25: ends with RESOURCE_EXHAUSTED when a message is longer, cut after %i octets',
    (cut) => {
      const mesh = meshOf();
      const call = mesh.call(null);
      mesh.session.onData(call, message(2), false);
      const bytes = message(LIMIT + 1);
      mesh.session.onData(call, bytes.subarray(0, cut), false);
      if (cut < 5) mesh.session.onData(call, bytes.subarray(cut), false);
      expect(call.status).toBe(8);
      expect(call.message).toBe(
        'a request message of 11 octets is longer than the 10 that the sidecar takes',
      );
      expect(call.resetCode).toBe(0);
      const sent = mesh.link('a').last;
      expect(sent.resetCode).toBe(8);
      expect(sent.body).toEqual([...message(2), ...bytes.subarray(0, cut < 5 ? cut : 0)]);
      // All that came has its credit again.
      expect(call.consumed).toBe(message(2).length + (cut < 5 ? bytes.length : cut));
      expect(mesh.sidecar.stats()).toMatchObject({ messagesTooLong: 1, callsAnsweredHere: 1, retries: 0 });
      expectQuiet(mesh);
      // Other calls go on.
      const next = mesh.call(null);
      mesh.session.onData(next, message(LIMIT), true);
      mesh.reply('b', '', 0);
      expect(next.status).toBe(0);
    },
  );

  it('MS-25: is refused while it waits for an endpoint, and with all its hedges', () => {
    const waiting = new FakeMesh(1, { silent: true, config: { messageLimit } });
    const early = waiting.call(null);
    waiting.session.onData(early, message(LIMIT + 1), true);
    expect([early.status, early.resetCode]).toEqual([8, null]);
    expectQuiet(waiting);
    const mesh = meshOf({ hedging: { ...DEFAULT_HEDGING, delayMs: 1 } });
    const call = mesh.call(null);
    mesh.session.onData(call, message(3), false);
    mesh.pass(1e6);
    expect(mesh.counts()).toEqual({ a: 1, b: 1 });
    mesh.session.onData(call, message(LIMIT + 1), true);
    expect([mesh.link('a').last.resetCode, mesh.link('b').last.resetCode]).toEqual([8, 8]);
    expect(call.status).toBe(8);
    expectQuiet(mesh);
  });
});

describe('a response', () => {
  it('MS-25: ends with RESOURCE_EXHAUSTED in its trailers; what came before stands', () => {
    const mesh = meshOf();
    const call = mesh.call(null);
    mesh.session.onData(call, message(1), true);
    const sent = mesh.link('a').last;
    mesh.port('a').onHeaders(sent, RESPONSE, false);
    mesh.port('a').onData(sent, message(LIMIT), false);
    mesh.port('a').onData(sent, message(LIMIT + 1), false);
    expect(call.body).toEqual([...message(LIMIT)]);
    expect(call.status).toBe(8);
    expect(call.message).toBe(
      'a (a:1) sent a message of 11 octets, longer than the 10 that the sidecar takes',
    );
    expect(sent.resetCode).toBe(8);
    expect(sent.consumed).toBe(message(LIMIT).length + message(LIMIT + 1).length);
    expect(mesh.sidecar.stats()).toMatchObject({ messagesTooLong: 1, retries: 0 });
    expectQuiet(mesh);
  });
});

it('what is not gRPC is not measured, and either bound may be left off', () => {
  const mesh = meshOf();
  const plain = mesh.call(null, [['content-type', 'text/plain']]);
  mesh.session.onData(plain, message(LIMIT + 1), true);
  expect(mesh.link('a').last.body).toHaveLength(LIMIT + 6);
  mesh.port('a').onHeaders(mesh.link('a').last, headerBlock([[':status', '200']]), false);
  mesh.port('a').onData(mesh.link('a').last, message(LIMIT + 1), true);
  expect(plain.body).toHaveLength(LIMIT + 6);
  const open = meshOf({ messageLimit: { ...messageLimit, requestBytesMax: 0 } });
  const call = open.call(null);
  open.session.onData(call, message(100), true);
  expect(call.status).toBe(-1);
  expectQuiet(mesh);
});

it('a route has its own', () => {
  const policies = clusterPolicies({ ...DEFAULT_SIDECAR_CONFIG, messageLimit });
  const route = { name: 'small', match: {}, mirror: null, rewrite: null };
  const routing = {
    clusters: [],
    routes: [{ ...route, targets: [{ cluster: 'default', weight: 1, policies }] }],
  };
  const mesh = new FakeMesh(1, { config: { routing } });
  const call = mesh.call(null);
  mesh.session.onData(call, message(LIMIT + 1), true);
  expect(call.status).toBe(8);
  expectQuiet(mesh);
});

it('a meter tells the first message above its bound, whatever the lengths and the cuts', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(20), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 }),
      (lengths, cuts) => {
        const bytes = Buffer.concat(lengths.map(message));
        const meter = new MessageMeter(LIMIT);
        let found = -1;
        for (let at = 0, cut = 0; at < bytes.length && found < 0; cut++) {
          const size = cuts[cut % cuts.length] as number;
          found = meter.pass(bytes.subarray(at, at + size));
          at += size;
        }
        expect(found).toBe(lengths.find((length) => length > LIMIT) ?? -1);
      },
    ),
  );
});
