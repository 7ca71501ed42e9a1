/** Frames that an honest peer sent before our reset reached it are no attack, however many calls end so; more of them are. */
import { expect, test } from 'vitest';
import { Connection } from '../../../proxy/wire/connection.ts';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import type { LinkEvents, LinkStream } from '../../../proxy/wire/link.ts';
import { reset } from '../../attacks/bytes.ts';
import { Drive, PREFACE, REQUEST, data, headers, settings } from './kit.ts';

/** A server that answers nothing and resets every call as soon as it sees it. */
function refuser(): Connection {
  const events: LinkEvents = {
    onHeaders: (stream: LinkStream) => connection.resetStream(stream, 0),
    onData: () => {},
    onTrailers: () => {},
    onReset: () => {},
    onDrained: () => {},
    onCapacity: () => {},
    onClose: () => {},
  };
  const connection = new Connection('server', events);
  connection.handleBytes(Buffer.concat([PREFACE, settings()]));
  return connection;
}

/** A trailers-only answer. */
const reply = (id: number): Buffer =>
  headers(id, [
    [':status', '200'],
    ['grpc-status', '5'],
  ]);

function feed(connection: Connection, octets: Uint8Array): void {
  connection.handleBytes(octets);
  if (connection.hasOutput) connection.recycle(connection.takeOutput());
}

test('the rest of a call that was reset costs the connection nothing', () => {
  const connection = refuser();
  for (let id = 1; id < 10_000; id += 2) {
    feed(connection, Buffer.concat([headers(id, REQUEST, false), data(id, 300), data(id, 12, true)]));
  }
  expect(connection.closing).toBe(false);
  // Not even a graceful GOAWAY: every one of these streams was opened.
  expect(connection.streamsOpen).toBe(0);
  feed(connection, headers(10_001, REQUEST));
  expect(connection.closing).toBe(false);
});

test('a peer that never stops sending on a stream that was reset is cut off', () => {
  const connection = refuser();
  feed(connection, headers(1, REQUEST, false));
  for (let sent = 0; sent < 2_000 && !connection.closing; sent++) feed(connection, data(1, 10));
  expect(connection.closing).toBe(true);
});

test('a peer that goes on after its own end on such a stream is cut off', () => {
  const connection = refuser();
  feed(connection, Buffer.concat([headers(1, REQUEST, false), data(1, 10, true)]));
  for (let sent = 0; sent < 2_000 && !connection.closing; sent++) feed(connection, data(1, 10));
  expect(connection.closing).toBe(true);
});

test('the RST_STREAM of a server that answered before the request’s end costs the connection nothing; a second one does', () => {
  const drive = new Drive({ role: 'client' });
  const { connection } = drive;
  const early = (): LinkStream => {
    const stream = connection.openStream(null, headerBlock(REQUEST), -1, 0, false);
    drive.feed(reply(stream.id));
    return stream;
  };
  for (let n = 0; n < 3_000; n++) {
    // It crosses the end of our side, or our own reset.
    const stream = early();
    if (n % 2 === 0) connection.resetStream(stream, 8);
    else connection.sendData(stream, new Uint8Array(0), true);
    drive.feed(reset(stream.id));
  }
  expect(drive.closed).toBe('');
  const { id } = early();
  for (let sent = 0; sent < 2_000 && !connection.closing; sent++) drive.feed(reset(id));
  expect(drive.closed).toBe('too many oddities, last: RST_STREAM on a closed stream');
});

test('answers that were under way when their calls were cancelled cost the connection nothing, though hundreds of others ended since', () => {
  const drive = new Drive({ role: 'client' });
  const { connection } = drive;
  const openStreams = (count: number): LinkStream[] =>
    Array.from({ length: count }, () => connection.openStream(null, headerBlock(REQUEST), -1, 0, true));
  for (let round = 0; round < 4; round++) {
    const cancelled = openStreams(500);
    const others = openStreams(500);
    for (const stream of cancelled) connection.resetStream(stream, 8);
    for (const { id } of others) drive.feed(reply(id));
    for (const { id } of cancelled) drive.feed(reply(id));
  }
  expect(drive.closed).toBe('');
  // Longer ago it is an oddity, and no more than that.
  const [old] = openStreams(1) as [LinkStream];
  connection.resetStream(old, 8);
  for (let n = 0; n < 3; n++) for (const { id } of openStreams(900)) drive.feed(reply(id));
  drive.feed(reply(old.id));
  expect(drive.closed).toBe('');
});

test('what is remembered of streams that ended stays when more has to be', () => {
  const drive = new Drive({ role: 'client' });
  const { connection } = drive;
  const open = (): LinkStream => connection.openStream(null, headerBlock(REQUEST), -1, 0, true);
  const cancelled = [open(), open(), open()];
  for (const stream of cancelled) connection.resetStream(stream, 8);
  for (let n = 0; n < 300; n++) open();
  connection.resetStream(open(), 8);
  drive.take();
  for (const { id } of cancelled) connection.handleBytes(data(id, 1));
  expect(drive.take().filter(({ type }) => type === 3)).toEqual([]);
});

test.each([2, 7, 8])('an endpoint may answer every call with RST_STREAM %i: its connection stays', (code) => {
  const drive = new Drive({ role: 'client', limits: { resetBurst: 10, resetsPerSecond: 0 } });
  for (let n = 0; n < 1_000; n++) {
    const { id } = drive.connection.openStream(null, headerBlock(REQUEST), -1, 0, true);
    drive.feed(reset(id, code));
  }
  expect(drive.closed).toBe('');
  expect(drive.connection.streamsOpen).toBe(0);
});
