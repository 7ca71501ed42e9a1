/** Frames that an honest peer sent before our reset reached it are no attack, however many calls end so; more of them are. */
import { expect, test } from 'vitest';
import { Connection } from '../../../proxy/wire/connection.ts';
import type { LinkEvents, LinkStream } from '../../../proxy/wire/link.ts';
import { PREFACE, REQUEST, data, headers, settings } from './kit.ts';

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
