/** What the sidecar must not touch: metadata in its order, -bin values, compressed messages, percent-encoded messages, plain HTTP/2. */
import { connect as connectHttp2, createServer } from 'node:http2';
import type { ClientHttp2Session, Http2Server, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import type { AddressInfo } from 'node:net';
import { gunzipSync, gzipSync } from 'node:zlib';
import * as grpc from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { connect, expectQuiet, startInstance, startProcess } from './sidecar-kit.ts';
import type { SidecarProcess } from './sidecar-kit.ts';

/** As a client of any language would send it; "=" padding or none, both are right for -bin. */
const METADATA = {
  'x-zulu': 'z',
  'x-alpha': ['one', 'two'],
  'x-raw-bin': ['AP8B', '/g=='],
  'x-mike': 'with, a comma; and "quotes" %41',
};
const SENT_BACK = 'caf%C3%A9 100%25 %E2%82%AC%0A';
const seen = { fields: [] as string[], body: Buffer.alloc(0) };
let server: Http2Server;
let sidecar: SidecarProcess;
let session: ClientHttp2Session;

beforeAll(async () => {
  server = createServer();
  server.on(
    'stream',
    (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, raw: string[]) => {
      seen.fields = raw;
      const pieces: Buffer[] = [];
      stream.on('error', () => {});
      stream.on('data', (piece: Buffer) => pieces.push(piece));
      stream.on('end', () => {
        seen.body = Buffer.concat(pieces);
        if (headers['content-type'] === 'application/grpc') answerGrpc(stream);
        else answerRest(stream, String(headers[':method']));
      });
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  sidecar = await startProcess(['--upstream', `127.0.0.1:${port}`]);
  session = connectHttp2(`http://${sidecar.listen}`);
});

afterEach(() => expectQuiet(sidecar));

afterAll(async () => {
  session?.close();
  await sidecar?.kill();
  server?.close();
});

function answerGrpc(stream: ServerHttp2Stream): void {
  const head = { ':status': 200, 'content-type': 'application/grpc', 'grpc-encoding': 'gzip', ...METADATA };
  stream.respond(head, { waitForTrailers: true });
  stream.on('wantTrailers', () =>
    stream.sendTrailers({ 'grpc-status': '5', 'grpc-message': SENT_BACK, ...METADATA }),
  );
  stream.end(seen.body);
}

function answerRest(stream: ServerHttp2Stream, method: string): void {
  stream.respond({
    ':status': method === 'POST' ? 201 : 200,
    'content-type': 'application/json',
    etag: '"7"',
  });
  stream.end(method === 'HEAD' ? '' : seen.body);
}

interface Answer {
  head: string[];
  trailers: string[];
  body: Buffer;
}

function send(headers: Record<string, string | string[]>, body?: Uint8Array): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const answer: Answer = { head: [], trailers: [], body: Buffer.alloc(0) };
    const pieces: Buffer[] = [];
    const stream = session.request(headers, { endStream: body === undefined });
    stream.on('response', (_block, _flags, ...rest: unknown[]) => (answer.head = rest[0] as string[]));
    stream.on('trailers', (_block, _flags, ...rest: unknown[]) => (answer.trailers = rest[0] as string[]));
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    stream.on('error', reject);
    stream.on('close', () => resolve({ ...answer, body: Buffer.concat(pieces) }));
    if (body !== undefined) stream.end(body);
  });
}

/** Names and values one after the other, in the order in which they came, of the custom fields alone. */
function custom(fields: readonly string[]): string[] {
  return fields.flatMap((name, at) =>
    at % 2 === 0 && name.startsWith('x-') ? [name, fields[at + 1] as string] : [],
  );
}

const IN_ORDER = Object.entries(METADATA).flatMap(([name, values]) =>
  [values].flat().flatMap((value) => [name, value]),
);

function valueOf(fields: readonly string[], name: string): string | undefined {
  const at = fields.findIndex((field, index) => index % 2 === 0 && field === name);
  return at < 0 ? undefined : fields[at + 1];
}

it('metadata, a compressed message and a percent-encoded grpc-message pass as they are, both ways', async () => {
  const packed = gzipSync(Buffer.alloc(10_000, 'meshwright '));
  const prefix = Buffer.from([1, 0, 0, packed.length >> 8, packed.length & 255]);
  const message = Buffer.concat([prefix, packed]);
  const head = {
    ':method': 'POST',
    ':path': '/any.Service/Method',
    te: 'trailers',
    'content-type': 'application/grpc',
    'grpc-encoding': 'gzip',
    'grpc-accept-encoding': 'identity,gzip',
    ...METADATA,
  };
  const answer = await send(head, message);
  expect(custom(seen.fields)).toEqual(IN_ORDER);
  expect(valueOf(seen.fields, 'grpc-encoding')).toBe('gzip');
  expect(valueOf(seen.fields, 'grpc-accept-encoding')).toBe('identity,gzip');
  expect(seen.body.equals(message)).toBe(true);
  expect(custom(answer.head)).toEqual(IN_ORDER);
  expect(valueOf(answer.head, 'grpc-encoding')).toBe('gzip');
  expect(answer.body.equals(message)).toBe(true);
  expect(gunzipSync(answer.body.subarray(5))).toHaveLength(10_000);
  expect(valueOf(answer.trailers, 'grpc-status')).toBe('5');
  expect(valueOf(answer.trailers, 'grpc-message')).toBe(SENT_BACK);
  expect(custom(answer.trailers)).toEqual(IN_ORDER);
});

it('grpc-js on both ends with gzip switched on', async () => {
  const got: { body: string; encoding: unknown }[] = [];
  const reply = (call: any, done: any): void => {
    got.push({ body: call.request.toString(), encoding: call.metadata.get('x-zulu') });
    done(null, call.request);
  };
  const instance = await startInstance({ Unary: reply, Down: () => {}, Up: () => {}, Both: () => {} });
  const other = await startProcess(['--upstream', instance.address]);
  const packing: any = new (connect(other.listen).constructor)(
    other.listen,
    grpc.credentials.createInsecure(),
    {
      'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip,
    },
  );
  const body = 'compress me '.repeat(5_000);
  const metadata = new grpc.Metadata();
  metadata.set('x-zulu', 'z');
  const back = await new Promise<Buffer>((resolve, reject) => {
    packing.Unary(Buffer.from(body), metadata, (error: unknown, value?: Buffer) =>
      error === null ? resolve(value as Buffer) : reject(error),
    );
  });
  expect(back.toString()).toBe(body);
  expect(got).toEqual([{ body, encoding: ['z'] }]);
  packing.close();
  await other.kill();
  instance.server.forceShutdown();
});

it.each([
  ['GET', undefined, '200'],
  ['HEAD', undefined, '200'],
  ['DELETE', undefined, '200'],
  ['POST', '{"a":1}', '201'],
  ['PUT', 'x'.repeat(300_000), '200'],
])('plain HTTP/2: %s', async (method, text, status) => {
  const body = text === undefined ? undefined : Buffer.from(text);
  const answer = await send(
    { ':method': method, ':path': '/things/7?q=%20a', accept: '*/*', 'x-one': '1' },
    body,
  );
  expect(valueOf(seen.fields, ':path')).toBe('/things/7?q=%20a');
  expect(valueOf(seen.fields, ':method')).toBe(method);
  expect(valueOf(answer.head, ':status')).toBe(status);
  expect(valueOf(answer.head, 'etag')).toBe('"7"');
  expect(seen.body.toString()).toBe(text ?? '');
  expect(answer.body.toString()).toBe(text ?? '');
});

it('HTTP/1.1 gets a 505 with a reason, and the connection ends', async () => {
  const [host = '', port] = sidecar.listen.split(':');
  const text = await new Promise<string>((resolve, reject) => {
    const socket = connectTcp(Number(port), host, () => socket.write('GET / HTTP/1.1\r\nhost: mesh\r\n\r\n'));
    let said = '';
    socket.on('data', (chunk: Buffer) => (said += chunk.toString()));
    socket.on('error', reject);
    socket.on('close', () => resolve(said));
  });
  expect(text).toMatch(/^HTTP\/1\.1 505 .*\r\n(.+\r\n)*\r\nThis port speaks HTTP\/2/);
});
