import { describe, expect, it } from 'vitest';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import { FakeMesh, MS, RESPONSE, request } from './fake-mesh.ts';

describe('message semantics', () => {
  it('MS-04: grpc-status wins over the HTTP status', () => {
    const mesh = new FakeMesh(1);
    const call = mesh.call();
    mesh.port('a').onHeaders(
      mesh.link('a').last,
      headerBlock([
        [':status', '503'],
        ['content-type', 'application/grpc'],
        ['grpc-status', '5'],
      ]),
      true,
    );
    expect(call.status).toBe(5);
  });

  it.each([
    [400, 13],
    [401, 16],
    [403, 7],
    [404, 12],
    [429, 14],
    [431, 13],
    [500, 2],
    [502, 14],
    [503, 14],
    [504, 14],
    [200, 2],
  ])('MS-05: HTTP %i without grpc-status becomes %i', (http, status) => {
    const mesh = new FakeMesh(1, { config: { retry: { attempts: 1 } } });
    const call = mesh.call();
    const block = headerBlock([
      [':status', String(http)],
      ['content-type', 'text/html'],
    ]);
    mesh.port('a').onHeaders(mesh.link('a').last, block, false);
    expect(call.status).toBe(status);
    expect(call.headers?.status).toBe(200);
    expect(mesh.link('a').last.resetCode).toBe(8);
  });

  it('MS-06: what the sidecar itself answers is a gRPC answer, or plain HTTP to who does not speak gRPC', () => {
    const mesh = new FakeMesh([]);
    const call = mesh.call();
    expect(call.headers?.status).toBe(200);
    expect(call.status).toBe(14);
    expect(call.message).toContain('no endpoint is known');
    const plain = mesh.call(null, [['content-type', 'text/plain']]);
    expect(plain.headers?.status).toBe(503);
    expect(plain.text).toContain('no endpoint is known');
  });

  it('MS-08: a complete response beats a later reset and a later close', () => {
    const mesh = new FakeMesh(1);
    const call = mesh.call();
    const sent = mesh.link('a').last;
    mesh.reply('a', 'whole');
    mesh.port('a').onReset(sent, 0, false);
    mesh.cut('a');
    expect(call.status).toBe(0);
    expect(call.text).toBe('whole');
    expect(mesh.sidecar.stats().callsByStatus[0]).toBe(1);
  });

  it('MS-09: connection-specific fields stop here, te: trailers passes', () => {
    const mesh = new FakeMesh(1);
    mesh.call('x', [
      ['connection', 'close'],
      ['keep-alive', '1'],
      ['x-kept', '1'],
      ['te', 'trailers, deflate'],
    ]);
    const names = mesh.link('a').last.headers?.fields.map(({ name, value }) => `${name}=${value}`);
    expect(names).toContain('te=trailers');
    expect(names).toContain('x-kept=1');
    expect(names?.join()).not.toMatch(/connection|keep-alive|deflate/);
  });

  it('MS-14: the deadline is enforced, and the endpoint is told', () => {
    const mesh = new FakeMesh(1);
    const call = mesh.call('x', [['grpc-timeout', '50m']]);
    mesh.pass(49 * MS);
    expect(call.ended).toBe(false);
    mesh.pass(1 * MS);
    expect(call.status).toBe(4);
    expect(mesh.link('a').last.resetCode).toBe(8);
  });

  it('MS-11: a malformed timeout is answered INTERNAL, one of zero DEADLINE_EXCEEDED; nothing is sent', () => {
    const mesh = new FakeMesh(1);
    expect(mesh.call('x', [['grpc-timeout', '123456789m']]).status).toBe(13);
    expect(mesh.call('x', [['grpc-timeout', '0m']]).status).toBe(4);
    expect(mesh.link('a').streams).toHaveLength(0);
  });

  it('MS-16: a cancel goes upstream at once, also while waiting and in backoff', () => {
    const mesh = new FakeMesh(2);
    const call = mesh.call();
    const where = mesh.where()[0] as string;
    mesh.session.onReset(call, 8, false);
    expect(mesh.link(where).last.resetCode).toBe(8);
    const second = mesh.call();
    const at = mesh.where()[0] as string;
    mesh.refuse(at, 14);
    mesh.session.onReset(second, 8, false);
    mesh.pass(1_000 * MS);
    expect(mesh.sidecar.stats()).toMatchObject({ attemptsStarted: 2, callsAlive: 0, retriesAlive: 0 });
    expect(mesh.sidecar.stats().callsByStatus[1]).toBe(2);
  });

  it.each([
    [0, 13],
    [1, 13],
    [2, 13],
    [3, 13],
    [4, 13],
    [6, 13],
    [7, 14],
    [8, 1],
    [9, 13],
    [10, 13],
    [11, 8],
    [12, 7],
  ])('MS-17: RST_STREAM %i after headers becomes %i', (code, status) => {
    const mesh = new FakeMesh(1);
    const call = mesh.call();
    mesh.port('a').onHeaders(mesh.link('a').last, RESPONSE, false);
    mesh.reset('a', code);
    expect(call.status).toBe(status);
    expect(call.trailers).not.toBeNull();
  });

  it('MS-18: half-close is passed in order, and the answer may go on after it', () => {
    const mesh = new FakeMesh(1);
    const call = mesh.call(null);
    const sent = mesh.link('a').last;
    mesh.session.onData(call, Buffer.from('1'), false);
    expect(sent.ended).toBe(false);
    mesh.session.onData(call, new Uint8Array(0), true);
    expect(sent.ended).toBe(true);
    mesh.reply('a', 'after');
    expect(call.text).toBe('after');
  });

  it('MS-21: while the reader does not take, the sender gets no credit; then it gets all of it', () => {
    const mesh = new FakeMesh(1);
    const call = mesh.call();
    const sent = mesh.link('a').last;
    mesh.caller.blocked = true;
    mesh.port('a').onHeaders(sent, RESPONSE, false);
    mesh.port('a').onData(sent, new Uint8Array(1_000), false);
    expect(sent.consumed).toBe(0);
    call.queuedBytes = 0;
    mesh.caller.blocked = false;
    mesh.session.onDrained(call);
    expect(sent.consumed).toBe(1_000);
  });

  it('MS-21 the other way: an endpoint that does not read slows the caller down', () => {
    const mesh = new FakeMesh(1);
    mesh.link('a').blocked = true;
    const call = mesh.call(null);
    mesh.session.onData(call, new Uint8Array(500), false);
    expect(call.consumed).toBe(0);
    const sent = mesh.link('a').last;
    sent.queuedBytes = 0;
    mesh.port('a').onDrained(sent);
    expect(call.consumed).toBe(500);
  });

  it('MS-30: beyond the stream limit a further connection is opened and calls wait in order', () => {
    const mesh = new FakeMesh(1, { silent: true });
    const [first] = mesh.dialled.splice(0);
    const link = mesh.connect(first as never);
    link.capacity = 1;
    mesh.call('one');
    mesh.call('two');
    expect(link.streams).toHaveLength(1);
    expect(mesh.dialled).toHaveLength(1);
    expect(mesh.sidecar.stats().callsWaiting).toBe(1);
    const second = mesh.connect(mesh.dialled[0] as never);
    expect(second.last.text).toBe('two');
    expect(mesh.sidecar.stats().callsWaiting).toBe(0);
  });

  it('MS-31: an early answer frees the upload', () => {
    const mesh = new FakeMesh(1);
    const call = mesh.call(null);
    mesh.session.onData(call, Buffer.from('1'), false);
    mesh.refuse('a', 3);
    expect(call.status).toBe(3);
    expect(call.resetCode).toBe(0);
    expect(mesh.link('a').last.resetCode).toBe(8);
  });

  it('MS-31: the stream is not reset before the caller took a queued answer', () => {
    const mesh = new FakeMesh(1);
    const call = mesh.call(null);
    mesh.caller.blocked = true;
    mesh.reply('a', 'queued');
    expect(call.resetCode).toBeNull();
    mesh.session.onData(call, new Uint8Array(7), false);
    expect(call.consumed).toBe(7);
    call.queuedBytes = 0;
    mesh.session.onDrained(call);
    expect(call.resetCode).toBe(0);
  });

  it('B72: a response cut in the middle never looks like a whole one', () => {
    const mesh = new FakeMesh(1);
    const call = mesh.call();
    mesh.port('a').onHeaders(mesh.link('a').last, RESPONSE, false);
    mesh.port('a').onData(mesh.link('a').last, Buffer.from('half'), false);
    mesh.cut('a');
    expect(call.status).toBe(14);
    const plain = new FakeMesh(1);
    const other = plain.call('x', [['content-type', 'text/plain']]);
    plain.port('a').onHeaders(plain.link('a').last, headerBlock([[':status', '200']]), false);
    plain.cut('a');
    expect(other.resetCode).toBe(2);
  });

  it('a request block that is shared between calls is not changed', () => {
    const block = request();
    const before = JSON.stringify(block.fields);
    const mesh = new FakeMesh(1);
    mesh.call();
    expect(JSON.stringify(block.fields)).toBe(before);
    expect(mesh.link('a').last.headers?.get('te')).toBe('trailers');
  });
});
