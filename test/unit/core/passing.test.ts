/** What the sidecar passes on, octet by octet at both ends: fields, messages, statuses; and what one call may cost its neighbours. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import { frame, settings } from '../wire/kit.ts';
import { Through, fieldsOf } from './through.ts';

const GRPC: readonly [string, string] = ['content-type', 'application/grpc'];
type Field = readonly [string, string];

const text = fc
  .string({ unit: fc.constantFrom(...'abZ019 ,;="%\\é'), maxLength: 12 })
  .map((each) => each.trim());
const name = fc.constantFrom('x-a', 'x-b', 'x-trace-bin', 'user-agent', 'authorization', 'x-1.2_3');
const fields = fc.array(fc.tuple(name, text), { maxLength: 8 });
const inOrder = (list: readonly Field[]): string[] => list.map(([key, value]) => `${key}=${value}`);

describe('metadata', () => {
  it('MS-01: crosses both ways with its names, its values and their order, however often one comes', () => {
    fc.assert(
      fc.property(fields, fields, fields, (request, head, trailers) => {
        const through = new Through({
          answer: (server, stream) => {
            server.sendHeaders(stream, headerBlock([[':status', '200'], GRPC, ...head]), false);
            server.sendTrailers(stream, headerBlock([['grpc-status', '0'], ...trailers]));
          },
        });
        const call = through.call([GRPC, ...request]);
        expect(fieldsOf(through.requests[0]?.head ?? null)).toEqual(inOrder(request));
        expect(fieldsOf(call.head)).toEqual(inOrder(head));
        expect(fieldsOf(call.trailers)).toEqual(['grpc-status=0', ...inOrder(trailers)]);
      }),
      { numRuns: 200 },
    );
  });

  it('MS-01: another attempt carries the same', () => {
    let tries = 0;
    const through = new Through({
      answer: (server, stream) => {
        if (++tries === 1) return server.resetStream(stream, 7);
        server.sendHeaders(stream, headerBlock([[':status', '200'], GRPC, ['grpc-status', '0']]), true);
      },
    });
    const sent: Field[] = [
      ['x-a', '1'],
      ['x-b', '2'],
      ['x-a', '3'],
    ];
    expect(through.call([GRPC, ...sent], Buffer.from('hi')).status).toBe(0);
    const again = 'grpc-previous-rpc-attempts=1';
    expect(through.requests.map(({ head, body }) => [...fieldsOf(head), body.toString()])).toEqual([
      [...inOrder(sent), 'hi'],
      [...inOrder(sent), again, 'hi'],
    ]);
  });

  it('MS-02: -bin values keep their octets, padded or not, one by one or joined', () => {
    const octets = fc.uint8Array({ minLength: 0, maxLength: 8 });
    fc.assert(
      fc.property(
        fc.array(octets, { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        fc.boolean(),
        (values, padded, joined) => {
          const coded = values.map((each) => {
            const base64 = Buffer.from(each).toString('base64');
            return padded ? base64 : base64.replace(/=+$/, '');
          });
          const sent: Field[] = joined
            ? [['x-a-bin', coded.join(',')]]
            : coded.map((each) => ['x-a-bin', each]);
          const through = new Through();
          through.call([GRPC, ...sent]);
          const got = fieldsOf(through.requests[0]?.head ?? null).flatMap((each) =>
            each.slice('x-a-bin='.length).split(','),
          );
          expect(got.map((each) => [...Buffer.from(each, 'base64')])).toEqual(
            values.map((each) => [...each]),
          );
        },
      ),
      { numRuns: 100 },
    );
  });

  it.each([
    'application/grpc',
    'application/grpc+proto',
    'application/grpc+thrift',
    'application/grpc; charset=utf-8',
    'application/json',
  ])('MS-10: content-type %s passes unchanged both ways', (type) => {
    const through = new Through({
      answer: (server, stream) => {
        server.sendHeaders(
          stream,
          headerBlock([
            [':status', '200'],
            ['content-type', type],
          ]),
          false,
        );
        server.sendTrailers(stream, headerBlock([['grpc-status', '0']]));
      },
    });
    const call = through.call([['content-type', type]]);
    expect(through.requests[0]?.head?.get('content-type')).toBe(type);
    expect(call.head?.get('content-type')).toBe(type);
  });

  it('MS-10: an answer that is no gRPC is not made to look like it: its text does not reach the caller', () => {
    const through = new Through({
      answer: (server, stream) => {
        server.sendHeaders(
          stream,
          headerBlock([
            [':status', '200'],
            ['content-type', 'text/html'],
          ]),
          false,
        );
        server.sendData(stream, Buffer.from('<html>'), true);
      },
    });
    const call = through.call([GRPC]);
    expect([call.status, call.body.length, call.head?.isGrpc]).toEqual([2, 0, true]);
    expect(call.head?.get('grpc-message')).toContain('text/html');
  });

  it.each(['caf%C3%A9 100%25', '%', '%zz', '%E2%82', 'plain', '%0A', 'x'.repeat(4_096), 'caf\xe9'])(
    'MS-27: grpc-message %s passes as it is, in trailers and alone',
    (message) => {
      for (const alone of [true, false]) {
        const through = new Through({
          answer: (server, stream) => {
            const last: Field[] = [
              ['grpc-status', '5'],
              ['grpc-message', message],
            ];
            const head: Field[] = [[':status', '200'], GRPC];
            server.sendHeaders(stream, headerBlock(alone ? [...head, ...last] : head), alone);
            if (!alone) server.sendTrailers(stream, headerBlock(last));
          },
        });
        const call = through.call([GRPC]);
        expect([call.status, (call.trailers ?? call.head)?.get('grpc-message')]).toEqual([5, message]);
      }
    },
  );

  it('MS-28: unknown frames, unknown settings and an unknown status number harm nobody', () => {
    const through = new Through({
      answer: (server, stream) => {
        server.sendHeaders(stream, headerBlock([[':status', '200'], GRPC]), false);
        server.sendTrailers(stream, headerBlock([['grpc-status', '99']]));
      },
    });
    through.up.handleBytes(Buffer.concat([settings([0xf1, 5]), frame(0xfb, 0xff, 0, Buffer.alloc(20))]));
    expect(through.call([GRPC]).status).toBe(99);
    through.up.handleBytes(frame(0xfb, 0xff, 1, Buffer.alloc(20)));
    expect(through.call([GRPC]).status).toBe(99);
    expect(through.up.closing).toBe(false);
    expect(through.sidecar.stats().callsByStatus[17]).toBe(2);
  });

  it('MS-29: compressed messages, their flags and the fields that name the coding are not touched', () => {
    const coding: Field[] = [
      ['grpc-encoding', 'gzip'],
      ['grpc-accept-encoding', 'identity,gzip'],
    ];
    const messages = Buffer.from([1, 0, 0, 0, 2, 0x1f, 0x8b, 0, 0, 0, 0, 1, 7]);
    const through = new Through({
      answer: (server, stream, { body }) => {
        server.sendHeaders(stream, headerBlock([[':status', '200'], GRPC, ...coding]), false);
        server.sendData(stream, body, false);
        server.sendTrailers(stream, headerBlock([['grpc-status', '0']]));
      },
    });
    const call = through.call([GRPC, ...coding], messages);
    expect(fieldsOf(through.requests[0]?.head ?? null)).toEqual(inOrder(coding));
    expect(through.requests[0]?.body).toEqual(messages);
    expect(fieldsOf(call.head)).toEqual(inOrder(coding));
    expect(call.body).toEqual(messages);
  });

  it('SE-11: reserved fields of a caller change nothing in the sidecar’s own accounts', () => {
    let tries = 0;
    const through = new Through({
      answer: (server, stream) => {
        if (++tries === 1) return server.resetStream(stream, 7);
        server.sendHeaders(stream, headerBlock([[':status', '200'], GRPC, ['grpc-status', '0']]), true);
      },
    });
    const call = through.call([GRPC, ['grpc-status', '13'], ['grpc-previous-rpc-attempts', '7']]);
    expect(call.status).toBe(0);
    expect(through.sidecar.stats()).toMatchObject({ retriesTransparent: 1, attemptsStarted: 2 });
    expect(through.sidecar.stats().callsByStatus[13]).toBe(0);
    const told = through.requests.map(({ head }) =>
      head?.fields.filter((one) => one.name === 'grpc-previous-rpc-attempts').map(({ value }) => value),
    );
    expect(told).toEqual([[], ['1']]);
  });
});

describe('messages', () => {
  it('MS-19, MS-20: whole, once and in order, however their octets are cut or joined on the way', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 3_000, size: 'max' }), { minLength: 1, maxLength: 6 }),
        // One large piece among them: a flood of next to nothing is an attack, and ends.
        fc.array(fc.integer({ min: 1, max: 3_000 }), { maxLength: 7 }).map((some) => [...some, 2_000]),
        fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 8 }),
        fc.constantFrom(600, 2_000, 65_535),
        (messages, pieces, cuts, streamWindowBytes) => {
          let turn = 0;
          const through = new Through({
            cut: () => cuts[turn++ % cuts.length] as number,
            callerLimits: { streamWindowBytes, windowUpdatesBase: Infinity },
            upstreamLimits: { streamWindowBytes, windowUpdatesBase: Infinity },
          });
          const all = Buffer.concat(
            messages.map((each) =>
              Buffer.concat([Buffer.from([0, 0, 0, each.length >> 8, each.length & 255]), each]),
            ),
          );
          const call = through.call([GRPC], Buffer.alloc(0), false);
          for (let at = 0, i = 0; at < all.length; i++) {
            const end = Math.min(all.length, at + (pieces[i % pieces.length] as number));
            through.caller.sendData(call.stream as never, all.subarray(at, end), end === all.length);
            at = end;
          }
          through.move();
          expect(through.requests.map(({ body }) => body.equals(all))).toEqual([true]);
          expect([call.status, call.body.equals(all), call.blocks]).toEqual([0, true, 2]);
        },
      ),
      { numRuns: 60, endOnFailure: true },
    );
  });

  it('MS-03: an answer of one header block stays one, with its status and without a message', () => {
    for (const status of [0, 5, 99]) {
      const through = new Through({
        answer: (server, stream) =>
          server.sendHeaders(
            stream,
            headerBlock([[':status', '200'], GRPC, ['grpc-status', String(status)], ['x-a', '1']]),
            true,
          ),
      });
      const call = through.call([GRPC]);
      expect(call).toMatchObject({ status, blocks: 1, ended: true, trailers: null, resetCode: -1 });
      expect([fieldsOf(call.head), call.body.length]).toEqual([[`grpc-status=${status}`, 'x-a=1'], 0]);
    }
  });

  it('MS-26: interim answers are never taken for the answer', () => {
    const through = new Through({
      answer: (server, stream, { body }) => {
        for (const status of ['100', '103'])
          server.sendHeaders(
            stream,
            headerBlock([
              [':status', status],
              ['link', 'x'],
            ]),
            false,
          );
        server.sendHeaders(stream, headerBlock([[':status', '200'], GRPC]), false);
        server.sendData(stream, body, false);
        server.sendTrailers(stream, headerBlock([['grpc-status', '0']]));
      },
    });
    const call = through.call([GRPC], Buffer.from('hi'));
    expect([call.status, call.head?.status, call.body.toString()]).toEqual([0, 200, 'hi']);
  });
});

describe('neighbours', () => {
  it('MS-22: as many calls as a caller may have stand still: its others, and those of others, go on', () => {
    const long = Buffer.alloc(100_000, 1);
    let reading = false;
    const through = new Through({ reads: () => reading, callerLimits: { streamWindowBytes: 1_000 } });
    const still = Array.from({ length: 99 }, () => through.call([GRPC], long));
    expect(still.every(({ status }) => status === -1)).toBe(true);
    reading = true;
    expect(through.call([GRPC], Buffer.from('hi'))).toMatchObject({ status: 0 });
    expect(still.every(({ status }) => status === -1)).toBe(true);
  });

  it('MS-24: a header block above the limit costs its own call only, and the compression state goes on', () => {
    const through = new Through();
    const before = through.call([GRPC, ['x-kept', 'as before']], Buffer.alloc(0), false);
    const large = through.call([
      GRPC,
      ['x-kept', 'as before'],
      ['x-new', 'v'],
      ['x-large', 'x'.repeat(70_000)],
    ]);
    expect(large.resetCode).toBe(1);
    const after = through.call([GRPC, ['x-kept', 'as before'], ['x-new', 'v']], Buffer.from('hi'));
    through.caller.sendData(before.stream as never, Buffer.from('yo'), true);
    through.move();
    expect([before.status, before.body.toString(), after.status, after.body.toString()]).toEqual([
      0,
      'yo',
      0,
      'hi',
    ]);
    expect(fieldsOf(through.requests[1]?.head ?? null)).toEqual(['x-kept=as before', 'x-new=v']);
  });

  it('MS-24: so does one in an answer', () => {
    const through = new Through({
      answer: (server, stream, { body }) => {
        const large: Field[] = body.length > 0 ? [['x-large', 'x'.repeat(70_000)]] : [];
        server.sendHeaders(stream, headerBlock([[':status', '200'], GRPC, ['x-new', 'v']]), false);
        server.sendTrailers(stream, headerBlock([['grpc-status', '0'], ['x-new', 'v'], ...large]));
      },
    });
    expect(through.call([GRPC], Buffer.from('large')).status).toBe(13);
    const call = through.call([GRPC]);
    expect([call.status, fieldsOf(call.trailers)]).toEqual([0, ['grpc-status=0', 'x-new=v']]);
    expect(through.up.closing).toBe(false);
  });
});
