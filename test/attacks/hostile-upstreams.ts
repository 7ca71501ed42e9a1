/**
 * The table of upstreams that misbehave: what each does with a connection and with a request, what grpc-status its caller
 * gets for it, and what `/stats` counts. Both arms read it: in memory, and a process over sockets.
 */
import {
  ack,
  call,
  data,
  frame,
  goAway,
  headers,
  lit,
  reply,
  reset,
  settings,
  uint32,
  wide,
} from './bytes.ts';

/** Octets, or what happens to the socket: its end (the other half stays open), or a reset. */
export type Step = Buffer | 'FIN' | 'RST';

export interface HostileUpstream {
  readonly name: string;
  /** At once when a connection is there; by default SETTINGS and the ACK of ours. */
  readonly greeting?: readonly Step[];
  /** Whenever octets come: they go back. */
  readonly echoes?: boolean;
  /** When a request is there: its stream, and which of the connection's it is, from 1. By default nothing. */
  readonly answer?: (id: number, nth: number) => readonly Step[];
  /** The caller ends its request, or leaves it open; then the answer comes at its headers. Default ended. */
  readonly request?: 'ended' | 'open';
  /** It leaves half a frame, which is held for as long as its connection lives. */
  readonly holdsHalf?: boolean;
  readonly status: number;
  /** At least so many, in `/stats`. */
  readonly counts: Readonly<Record<string, number>>;
}

export const HELLO: readonly Step[] = [settings([3, 1_000]), ack];
const MESSAGE = Buffer.from([0, 0, 0, 0, 4, 1, 2, 3, 4]);
const body = (id: number, octets: Buffer, end = false): Buffer => frame(0, end ? 1 : 0, id, octets);
const trailers = (id: number, status: string): Buffer => headers(id, [['grpc-status', status]]);
const http = (id: number, status: string, type: string, end = false): Buffer =>
  headers(
    id,
    [
      [':status', status],
      ['content-type', type],
    ],
    end,
  );

/** A good answer, frame by frame: what is cut, put in another order and spoilt by the mixes. */
export const goodAnswer = (id: number): Buffer[] => [reply(id), body(id, MESSAGE), trailers(id, '0')];
const half = MESSAGE.subarray(0, 6);

const NOT_THERE = { connectsFailed: 1 };
const NOT_HTTP2 = { connectsFailed: 1, peerErrorsUpstream: 1 };
const BROKE_IT = { attemptsLost: 1, connectionsLost: 1, peerErrorsUpstream: 1 };
const LOST = { attemptsLost: 1, connectionsLost: 1 };
const SPOILT = { attemptsReset: 1, peerErrorsUpstream: 1 };

const connecting = alike(14, NOT_HTTP2, [
  {
    name: 'speaks HTTP/1.1',
    greeting: [Buffer.from('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n')],
  },
  { name: 'speaks TLS', greeting: [Buffer.from([0x15, 3, 1, 0, 2, 2, 40, 0x15, 3, 1, 0, 2, 1, 0]), 'FIN'] },
  { name: 'speaks SSH', greeting: [Buffer.from('SSH-2.0-OpenSSH_9.6\r\n')] },
  { name: 'says noise', greeting: [Buffer.from(Array.from({ length: 64 }, (_, i) => (i * 167 + 13) & 255))] },
  { name: 'says PING before SETTINGS', greeting: [frame(6, 0, 0, Buffer.alloc(8))] },
  { name: 'says back what it hears', greeting: [], echoes: true },
  { name: 'has SETTINGS that are forbidden', greeting: [settings([5, 1])] },
]);

const mute = alike(14, NOT_THERE, [
  { name: 'accepts and stays silent', greeting: [] },
  { name: 'closes at once', greeting: ['FIN'] },
  { name: 'resets at once', greeting: ['RST'] },
  { name: 'stops in its SETTINGS', greeting: [settings([3, 100]).subarray(0, 11)] },
  { name: 'closes in its SETTINGS', greeting: [settings([3, 100]).subarray(0, 11), 'FIN'] },
  { name: 'allows no stream', greeting: [settings([3, 0]), ack] },
  { name: 'resets in its SETTINGS', greeting: [settings([3, 100]).subarray(0, 11), 'RST'] },
]);

/** `RST` and `FIN` in every state of a stream, and RST_STREAM in each. */
const states: readonly { readonly where: string; readonly before: (id: number) => Buffer[] }[] = [
  { where: 'before its answer', before: () => [] },
  { where: 'in its header block', before: (id) => [(goodAnswer(id)[0] as Buffer).subarray(0, 20)] },
  { where: 'after its headers', before: (id) => goodAnswer(id).slice(0, 1) },
  { where: 'in a frame', before: (id) => [reply(id), body(id, MESSAGE).subarray(0, 12)] },
  { where: 'in a message', before: (id) => [reply(id), body(id, half)] },
  { where: 'between message and trailers', before: (id) => goodAnswer(id).slice(0, 2) },
];
const cuts = states.flatMap(({ where, before }) =>
  (['FIN', 'RST'] as const).flatMap((step) =>
    (['ended', 'open'] as const).map(
      (request): HostileUpstream => ({
        name: `${step === 'FIN' ? 'closes' : 'resets the connection'} ${where}, request ${request}`,
        request,
        answer: (id) => [...before(id), step],
        status: 14,
        counts: LOST,
      }),
    ),
  ),
);
/** What RST_STREAM with a code means (gRPC over HTTP/2). */
const RESET_STATUS: readonly number[] = [13, 13, 13, 13, 13, 13, 13, 14, 1, 13, 13, 8, 7, 13];
const resets = RESET_STATUS.flatMap((status, code) =>
  states
    .filter(({ where }) => !/header block|a frame/.test(where))
    .map(
      ({ where, before }): HostileUpstream => ({
        name: `RST_STREAM ${code} ${where}`,
        request: code % 2 === 0 ? 'ended' : 'open',
        answer: (id) => [...before(id), reset(id, code)],
        status,
        // Refused before its answer it is sent once more.
        counts:
          code === 7 ? { attemptsUnprocessed: where === 'before its answer' ? 2 : 1 } : { attemptsReset: 1 },
      }),
    ),
);

const silent = alike(4, { callsAnsweredHere: 1 }, [
  { name: 'never answers' },
  { name: 'takes one call at a time and answers none', greeting: [settings([3, 1]), ack] },
  {
    name: 'stops in its header block',
    holdsHalf: true,
    answer: (id) => [(goodAnswer(id)[0] as Buffer).subarray(0, 20)],
  },
  { name: 'stops after its headers', answer: (id) => [reply(id)] },
  { name: 'stops in a message', answer: (id) => [reply(id), body(id, half)] },
  {
    name: 'stops in a frame',
    holdsHalf: true,
    answer: (id) => [reply(id), body(id, MESSAGE).subarray(0, 12)],
  },
  { name: 'stops before its trailers', answer: (id) => goodAnswer(id).slice(0, 2) },
  { name: 'says GOAWAY and no more', answer: (id) => [goAway(id)] },
  { name: 'opens no window for the request', greeting: [settings([4, 0]), ack] },
]);

const lost = alike(14, BROKE_IT, [
  { name: 'answers another stream', answer: (id) => [reply(id + 2)] },
  { name: 'answers an even stream', answer: (id) => [reply(id + 1)] },
  { name: 'answers stream 0', answer: () => [reply(0)] },
  { name: 'promises a push', answer: (id) => [frame(5, 4, id, Buffer.alloc(4))] },
  { name: 'begins with CONTINUATION', answer: (id) => [frame(9, 4, id)] },
  {
    name: 'puts DATA in a header block',
    answer: (id) => [frame(1, 0, id, lit('x', 'y')), data(id, 1)],
  },
  { name: 'sends a frame of 16 MiB', answer: () => [Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1])] },
  {
    name: 'sends a header block that is none',
    answer: (id) => [frame(1, 5, id, Buffer.from([0xff, 0xff, 0xff, 0xff]))],
  },
  { name: 'resets an idle stream', answer: (id) => [reset(id + 2)] },
  { name: 'overflows the connection window', answer: () => [wide(0, 0x7fffffff)] },
  { name: 'widens the connection by nothing', answer: () => [wide(0, 0)] },
  { name: 'sends a request', answer: () => [call(2)] },
  {
    name: 'sends noise in the middle',
    answer: (id) => [reply(id), Buffer.from('HTTP/1.1 500 Oops\r\n\r\n')],
  },
]);

const spoilt = alike(13, SPOILT, [
  { name: 'DATA before headers', answer: (id) => [data(id, 3)] },
  { name: 'trailers before headers', answer: (id) => [trailers(id, '0'), reply(id)] },
  { name: 'headers twice', answer: (id) => [reply(id), reply(id)] },
  {
    name: 'trailers without END_STREAM',
    answer: (id) => [reply(id), headers(id, [['grpc-status', '0']], false)],
  },
  { name: 'no :status', answer: (id) => [headers(id, [['grpc-status', '0']])] },
  { name: ':status 101', answer: (id) => [http(id, '101', 'application/grpc')] },
  { name: '103 and the end', answer: (id) => [headers(id, [[':status', '103']])] },
  {
    name: 'an upper-case name',
    answer: (id) => [
      headers(
        id,
        [
          [':status', '200'],
          ['X', 'y'],
        ],
        false,
      ),
    ],
  },
  {
    name: 'content-length that lies',
    answer: (id) => [
      headers(
        id,
        [
          [':status', '200'],
          ['content-type', 'application/grpc'],
          ['content-length', '3'],
        ],
        false,
      ),
      body(id, MESSAGE),
    ],
  },
  {
    name: 'opens a stream window by nothing',
    answer: (id) => [wide(id, 0)],
    request: 'open',
  },
  {
    name: 'overflows a stream window',
    answer: (id) => [wide(id, 0x7fffffff)],
    request: 'open',
  },
]);

const OTHERS: readonly HostileUpstream[] = [
  {
    name: 'GOAWAY before the stream',
    answer: () => [goAway(0)],
    status: 14,
    counts: { attemptsUnprocessed: 2 },
  },
  {
    name: 'GOAWAY after the stream, then closes',
    answer: (id) => [goAway(id), 'FIN'],
    status: 14,
    counts: { attemptsLost: 1 },
  },
  { name: 'SETTINGS, then closes', greeting: [...HELLO, 'FIN'], status: 14, counts: { connectionsLost: 1 } },
  { name: 'SETTINGS, then resets', greeting: [...HELLO, 'RST'], status: 14, counts: { connectionsLost: 1 } },
  { name: 'SETTINGS, then GOAWAY', greeting: [...HELLO, goAway(0)], status: 14, counts: {} },
  {
    name: 'ends without trailers',
    answer: (id) => [reply(id), body(id, MESSAGE, true)],
    status: 2,
    counts: { answersNotGrpc: 1 },
  },
  {
    name: 'ends in a message without trailers',
    answer: (id) => [reply(id), body(id, half, true)],
    status: 2,
    counts: { answersNotGrpc: 1 },
  },
  {
    name: 'headers and the end',
    answer: (id) => [reply(id, true)],
    status: 2,
    counts: { answersNotGrpc: 1 },
  },
  {
    name: 'trailers without grpc-status',
    answer: (id) => [reply(id), headers(id, [['x', 'y']])],
    status: 2,
    counts: { answersNotGrpc: 1 },
  },
  {
    name: 'a page of HTML, 503',
    answer: (id) => [http(id, '503', 'text/html'), data(id, 900, true)],
    status: 14,
    counts: { answersNotGrpc: 1 },
  },
  {
    name: 'a page of HTML, 404',
    answer: (id) => [http(id, '404', 'text/html'), data(id, 900, true)],
    status: 12,
    counts: { answersNotGrpc: 1 },
  },
  {
    name: 'a page of HTML, 200, never ending',
    answer: (id) => [http(id, '200', 'text/html'), data(id, 900)],
    status: 2,
    counts: { answersNotGrpc: 1 },
  },
  {
    name: 'grpc-status that is no number',
    answer: (id) => [reply(id), trailers(id, 'good')],
    status: 2,
    counts: {},
  },
  {
    name: 'refuses an upload, then resets it',
    request: 'open',
    answer: (id) => [
      headers(id, [
        [':status', '200'],
        ['content-type', 'application/grpc'],
        ['grpc-status', '5'],
      ]),
      reset(id, 0),
    ],
    status: 5,
    counts: {},
  },
  {
    name: 'answers whole, then resets',
    answer: (id) => [...goodAnswer(id), reset(id, 2)],
    status: 0,
    counts: {},
  },
  {
    name: 'answers whole, then DATA',
    answer: (id) => [...goodAnswer(id), data(id, 3)],
    status: 0,
    counts: { peerErrorsUpstream: 1 },
  },
  {
    name: 'answers whole, then closes',
    answer: (id) => [...goodAnswer(id), 'FIN'],
    status: 0,
    counts: { connectionsLost: 1 },
  },
  {
    name: 'answers whole, then resets the connection',
    answer: (id) => [...goodAnswer(id), 'RST'],
    status: 0,
    counts: { connectionsLost: 1 },
  },
  {
    name: 'unknown frames and settings beside a good answer',
    greeting: [settings([3, 100], [0xf0, 7]), ack],
    answer: (id) => [frame(0xfa, 255, id, uint32(1)), ...goodAnswer(id)],
    status: 0,
    counts: {},
  },
  {
    name: 'a long answer, then RST_STREAM',
    answer: (id) => [reply(id), data(id, 8_000), reset(id, 2)],
    status: 13,
    counts: { attemptsReset: 1 },
  },
  {
    name: 'a long answer that ends without trailers',
    answer: (id) => [reply(id), data(id, 8_000, true)],
    status: 2,
    counts: { answersNotGrpc: 1 },
  },
];

export const HOSTILE_UPSTREAMS: readonly HostileUpstream[] = [
  ...connecting,
  ...mute,
  ...cuts,
  ...resets,
  ...silent,
  ...lost,
  ...spoilt,
  ...OTHERS,
];

/** The counters that have counted less than they should. */
export function tooFew(row: HostileUpstream, stats: object): string[] {
  const counted = stats as Readonly<Record<string, number>>;
  return Object.entries(row.counts)
    .filter(([name, least]) => !((counted[name] ?? -1) >= least))
    .map(([name, least]) => `${name}=${counted[name]}, not ${least}`);
}

function alike(
  status: number,
  counts: HostileUpstream['counts'],
  rows: readonly Omit<HostileUpstream, 'status' | 'counts'>[],
): HostileUpstream[] {
  return rows.map((row) => ({ ...row, status, counts }));
}
