/** Against the HTTP/2 of Node (nghttp2) on loopback, in both roles. */
import http2 from 'node:http2';
import net from 'node:net';
import { expect, test } from 'vitest';
import { Connection } from '../../../proxy/wire/connection.ts';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import { QUIET, REQUEST, RESPONSE, TRAILERS } from './kit.ts';

function flush(connection: Connection, socket: net.Socket): void {
  while (connection.hasOutput) socket.write(Buffer.from(connection.takeOutput()));
  if (connection.wantsClose) socket.end();
}

async function listen(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as net.AddressInfo).port;
}

test('our server echoes to a node:http2 client', async () => {
  const names: string[] = [];
  const server = net.createServer((socket) => {
    const connection: Connection = new Connection('server', {
      ...QUIET,
      onHeaders(stream, block) {
        names.push(block.get('x-all') ?? '');
        connection.sendHeaders(stream, RESPONSE, false);
      },
      onData(stream, bytes, endStream) {
        connection.sendData(stream, bytes, false);
        connection.consume(stream, bytes.length);
        if (endStream) connection.sendTrailers(stream, TRAILERS);
      },
    });
    socket.on('data', (chunk) => {
      connection.handleBytes(chunk);
      flush(connection, socket);
    });
    socket.on('error', () => connection.handleEof());
  });
  const session = http2.connect(`http://127.0.0.1:${await listen(server)}`);
  let visible = '';
  for (let octet = 33; octet < 127; octet++) visible += String.fromCharCode(octet);
  for (let i = 0; i < 4; i++) {
    const body = Buffer.alloc(300_000, i + 1);
    const request = session.request({ ':method': 'POST', ':path': '/a.B/C', 'x-all': visible });
    const got: Buffer[] = [];
    let status = '';
    request.on('trailers', (trailers) => {
      status = String(trailers['grpc-status']);
    });
    request.end(body);
    for await (const chunk of request) got.push(chunk as Buffer);
    expect(Buffer.concat(got).equals(body)).toBe(true);
    expect(status).toBe('0');
  }
  expect(names).toEqual([visible, visible, visible, visible]);
  session.close();
  server.close();
});

test('our client calls a node:http2 server', async () => {
  const server = http2.createServer();
  server.on('stream', (stream, fields) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-timeout': String(fields['grpc-timeout']) }));
    stream.pipe(stream);
  });
  const socket = net.connect(await listen(server), '127.0.0.1');
  let received = 0;
  const timeouts = await new Promise<string[]>((resolve, reject) => {
    const list: string[] = [];
    const connection: Connection = new Connection('client', {
      ...QUIET,
      onData(stream, bytes) {
        received += bytes.length;
        connection.consume(stream, bytes.length);
      },
      onTrailers(_, block) {
        if (list.push(block.get('x-timeout') ?? '') === 3) resolve(list);
      },
      onReset: (_, code) => reject(new Error(`reset ${code}`)),
    });
    socket.on('data', (chunk) => {
      connection.handleBytes(chunk);
      flush(connection, socket);
    });
    for (const timeoutNs of [5e9, -1, 250_000]) {
      const stream = connection.openStream(null, headerBlock(REQUEST), timeoutNs, 0, false);
      connection.sendData(stream, new Uint8Array(200_000), true);
    }
    flush(connection, socket);
  });
  expect(timeouts.toSorted()).toEqual(['250000n', '5000000u', 'undefined']);
  expect(received).toBe(600_000);
  socket.destroy();
  server.close();
});
