/** What the caller hears in the rarer ends of a call, gRPC and not, and the blocks that say it. */
import { describe, expect, it } from 'vitest';
import { Answers, encodeMessage } from '../../../proxy/core/answers.ts';
import { forwardable } from '../../../proxy/core/hop-by-hop.ts';
import { type HeaderBlock, headerBlock } from '../../../proxy/wire/headers.ts';
import { FakeMesh, type FakeStream, MS, RESPONSE } from './fake-mesh.ts';

const PLAIN: [string, string][] = [['content-type', 'text/plain']];
const OK = headerBlock([[':status', '200']]);

describe('answers made here', () => {
  it('grpc-message: everything outside printable ASCII, and the percent sign, becomes octets of UTF-8', () => {
    expect(encodeMessage('plain text ~')).toBe('plain text ~');
    expect(encodeMessage('100 % of é\n')).toBe('100 %25 of %C3%A9%0A');
    expect(decodeURIComponent(encodeMessage('käse 🧀'))).toBe('käse 🧀');
  });

  it('are the same block for the same trouble, until many others came', () => {
    const answers = new Answers();
    const first = answers.trailersOnly(14, 'x');
    expect(answers.trailersOnly(14, 'x')).toBe(first);
    for (let i = 0; i < 127; i++) answers.trailersOnly(14, `${i}`);
    expect(answers.trailersOnly(14, 'x')).toBe(first);
    answers.trailersOnly(14, 'one more');
    expect(answers.trailersOnly(14, 'x')).not.toBe(first);
    expect(answers.trailersOnly(14, 'x').fields).toEqual(first.fields);
  });

  it('to a request that is not gRPC: 504 for the deadline, 502 for a broken endpoint', () => {
    const mesh = new FakeMesh(1, { config: { timeout: { callMs: 50, callMaxMs: 0, connectMs: 1_000 } } });
    const late = mesh.call('x', PLAIN);
    mesh.pass(60 * MS);
    expect([late.headers?.status, late.text]).toEqual([504, 'the deadline passed waiting for a (a:1)\n']);
    const broken = mesh.call('x', PLAIN);
    mesh.reset('a', 2);
    expect([broken.headers?.status, broken.text]).toEqual([
      502,
      'a (a:1): the stream was reset with INTERNAL_ERROR\n',
    ]);
    const odd = mesh.call('x', PLAIN);
    mesh.reset('a', 99);
    expect(odd.text).toContain('reset with code 99');
    expect(mesh.sidecar.stats().callsByStatus[18]).toBe(3);
  });

  it('to one whose response began: the reset goes on, CANCEL as CANCEL', () => {
    for (const [code, told] of [
      [8, 8],
      [1, 2],
    ] as const) {
      const mesh = new FakeMesh(1);
      const call = mesh.call('x', PLAIN);
      mesh.port('a').onHeaders(mesh.link('a').last, OK, false);
      mesh.reset('a', code);
      expect(call.resetCode).toBe(told);
    }
  });
});

describe('responses that end oddly', () => {
  const answered = (
    extra: [string, string][] = [],
  ): { mesh: FakeMesh; call: FakeStream; sent: FakeStream } => {
    const mesh = new FakeMesh(1);
    const call = mesh.call('x', extra);
    return { mesh, call, sent: mesh.link('a').last };
  };

  it('a trailers-only answer with status 0 passes as it is', () => {
    const { mesh, call } = answered();
    mesh.refuse('a', 0);
    expect([call.status, call.message]).toEqual([0, 'said the endpoint']);
    expect(mesh.sidecar.stats().callsByStatus[0]).toBe(1);
    // Not even where the configuration lists it is it tried again.
    const odd = new FakeMesh(2, { config: { retry: { retryableStatuses: [0] } } });
    const once = odd.call();
    odd.refuse(odd.where()[0] as string, 0);
    expect([once.status, odd.sidecar.stats().attemptsStarted]).toEqual([0, 1]);
  });

  it('a status that gRPC does not know passes, and is counted among the others', () => {
    const { mesh, call } = answered();
    mesh.refuse('a', 99);
    expect(call.status).toBe(99);
    expect(mesh.sidecar.stats().callsByStatus[17]).toBe(1);
  });

  it('gRPC that ends with DATA or with bare trailers gets a status made here, its fields kept', () => {
    const data = answered();
    data.mesh.port('a').onHeaders(data.sent, RESPONSE, false);
    data.mesh.port('a').onData(data.sent, Buffer.from('x'), true);
    expect([data.call.status, data.call.message]).toEqual([
      2,
      'a (a:1) ended its response without grpc-status',
    ]);
    const bare = answered();
    bare.mesh.port('a').onHeaders(bare.sent, RESPONSE, false);
    bare.mesh.port('a').onTrailers(bare.sent, headerBlock([['x-kept', '1']]));
    expect([bare.call.status, bare.call.message]).toEqual([2, 'a (a:1) sent trailers without grpc-status']);
    expect(bare.call.trailers?.get('x-kept')).toBe('1');
  });

  it('what is not gRPC may end with headers, with DATA, with empty DATA or with trailers', () => {
    const head = answered(PLAIN);
    head.mesh.port('a').onHeaders(head.sent, headerBlock([[':status', '204']]), true);
    expect([head.call.headers?.status, head.call.ended]).toEqual([204, true]);
    for (const body of ['text', '']) {
      const { mesh, call, sent } = answered(PLAIN);
      mesh.port('a').onHeaders(sent, OK, false);
      mesh.port('a').onData(sent, Buffer.from(body), true);
      expect([call.text, call.ended, call.trailers]).toEqual([body, true, null]);
      expect(mesh.sidecar.stats()).toMatchObject({ callsAlive: 0, attemptsAlive: 0 });
    }
    const trailers = answered(PLAIN);
    trailers.mesh.port('a').onHeaders(trailers.sent, OK, false);
    trailers.mesh.port('a').onTrailers(trailers.sent, headerBlock([['x-sum', '1']]));
    expect(trailers.call.trailers?.fields.map(({ name }) => name)).toEqual(['x-sum']);
  });

  it('an answer without any content-type says so', () => {
    const { mesh, call, sent } = answered();
    mesh.port('a').onHeaders(sent, headerBlock([[':status', '403']]), true);
    expect(call.message).toBe('a (a:1) answered HTTP 403 without grpc-status, content-type none');
    expect(sent.resetCode).toBeNull();
  });

  it('a caller that took everything gives the endpoint no credit twice', () => {
    const { mesh, call, sent } = answered();
    mesh.port('a').onHeaders(sent, RESPONSE, false);
    mesh.port('a').onData(sent, new Uint8Array(5), false);
    mesh.session.onDrained(call);
    expect(sent.consumed).toBe(5);
  });
});

describe('deadlines', () => {
  it('the configured one holds where the caller names none, and is told to the endpoint', () => {
    const mesh = new FakeMesh(1, { config: { timeout: { callMs: 50, callMaxMs: 0, connectMs: 1_000 } } });
    const call = mesh.call();
    expect(mesh.link('a').last.timeoutNs).toBe(50 * MS);
    mesh.pass(51 * MS);
    expect(call.status).toBe(4);
  });

  it('a shorter deadline beats the per-try limit, and the last failure is told with it', () => {
    const mesh = new FakeMesh(2, { config: { retry: { perTryTimeoutMs: 100, backoffBaseMs: 1 } } });
    const call = mesh.call('x', [['grpc-timeout', '60m']]);
    const first = mesh.where()[0] as string;
    expect(mesh.link(first).last.timeoutNs).toBe(60 * MS);
    mesh.refuse(first, 14);
    mesh.pass(70 * MS);
    expect(call.status).toBe(4);
    const second = first === 'a' ? 'b' : 'a';
    expect(call.message).toBe(
      `the deadline passed waiting for ${second} (${second}:1); before that ${first} (${first}:1) answered status 14`,
    );
  });
});

describe('tags', () => {
  const reply = (tag: string, extra: [string, string][], pieces: number[][], grpc = true): FakeStream => {
    const mesh = new FakeMesh(1, { config: { tag } });
    const call = mesh.call('x', grpc ? [] : PLAIN);
    const sent = mesh.link('a').last;
    mesh.port('a').onHeaders(sent, headerBlock([...RESPONSE.fields.map(pair), ...extra]), false);
    for (const piece of pieces) mesh.port('a').onData(sent, Uint8Array.from(piece), false);
    mesh.port('a').onTrailers(sent, headerBlock([['grpc-status', '0']]));
    return call;
  };
  const pair = ({ name, value }: { name: string; value: string }): [string, string] => [name, value];
  const hello = [
    [0, 0, 0],
    [0, 4, 0x0a, 2, 0x68, 0x69],
  ];

  it('are put in front, though the first octets come alone', () => {
    expect(reply('T:', [['grpc-encoding', 'identity']], hello).body).toEqual([
      0, 0, 0, 0, 6, 0x0a, 4, 0x54, 0x3a, 0x68, 0x69,
    ]);
  });

  it('leave a reply alone that is encoded, of declared length, not gRPC, or when empty', () => {
    const same = hello.flat();
    expect(reply('T:', [['grpc-encoding', 'gzip']], hello).body).toEqual(same);
    expect(reply('T:', [['content-length', '9']], hello).body).toEqual(same);
    expect(reply('T:', [], hello, false).body).toEqual(same);
    expect(reply('', [], hello).body).toEqual(same);
  });

  it('lose nothing of a reply that ends too soon', () => {
    expect(reply('T:', [], [[0, 0, 0]]).body).toEqual([0, 0, 0]);
    const mesh = new FakeMesh(1, { config: { tag: 'T:' } });
    const call = mesh.call();
    const sent = mesh.link('a').last;
    mesh.port('a').onHeaders(sent, RESPONSE, false);
    mesh.port('a').onData(sent, Uint8Array.of(0, 0), true);
    expect(call.body).toEqual([0, 0]);
  });
});

it('hop-by-hop: other names that begin with t pass, transfer-encoding does not', () => {
  const block = headerBlock([
    ['traceparent', '00-1'],
    ['transfer-encoding', 'chunked'],
    ['te', 'trailers'],
  ]);
  expect(forwardable(block).fields.map(({ name }) => name)).toEqual(['traceparent', 'te']);
});

it('blocks made here have lower-case names, pseudo-headers first, and no field of one connection', () => {
  const answers = new Answers();
  const blocks = [answers.trailersOnly(14, 'x'), answers.trailers(14, 'x'), answers.http(14)];
  const health = {
    mode: 'check' as const,
    jitter: 0.2,
    intervalMs: 100,
    timeoutMs: 50,
    unhealthyThreshold: 1,
    healthyThreshold: 1,
    service: '',
  };
  const mesh = new FakeMesh(1, { config: { health } });
  blocks.push(mesh.link('a').last.headers as HeaderBlock);
  for (const block of blocks) {
    const names = block.fields.map(({ name }) => name);
    expect(names).toEqual(names.map((name) => name.toLowerCase()));
    const pseudo = names.filter((name) => name.startsWith(':'));
    expect(names.slice(0, pseudo.length)).toEqual(pseudo);
    expect(new Set(pseudo).size).toBe(pseudo.length);
    expect(
      names.filter((name) => ['connection', 'transfer-encoding', 'host', 'upgrade'].includes(name)),
    ).toEqual([]);
  }
  expect(blocks[3]?.fields.slice(0, 4).map(({ name, value }) => `${name} ${value}`)).toEqual([
    ':method POST',
    ':scheme http',
    ':path /grpc.health.v1.Health/Check',
    ':authority a:1',
  ]);
});

it('a request goes on with the pseudo-headers that it came with, host left as it was', () => {
  const mesh = new FakeMesh(1);
  mesh.call('x', [['host', 'mesh']]);
  const fields = mesh.link('a').last.headers?.fields.map(({ name, value }) => `${name} ${value}`);
  expect(fields?.slice(0, 4)).toEqual([
    ':method POST',
    ':scheme http',
    ':path /my_service.MyService/MyMethod',
    ':authority mesh',
  ]);
  expect(fields).toContain('host mesh');
});
