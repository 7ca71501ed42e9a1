/** The state table of RFC 9113 §5.1 from a client's side: what each frame of a server does to a stream in each state. */
import { describe, expect, test } from 'vitest';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import type { LinkStream } from '../../../proxy/wire/link.ts';
import { ack, reset, wide } from '../../attacks/bytes.ts';
import { Drive, REQUEST, data, frame, headers, settings } from './kit.ts';

const FRAMES = {
  response: headers(1, [[':status', '200']], false),
  'early hint': headers(1, [[':status', '103']], false),
  trailers: headers(1, [['x', 'y']]),
  'trailers that do not end': headers(1, [['x', 'y']], false),
  DATA: data(1, 10),
  'DATA+END': data(1, 10, true),
  RST: reset(1),
  WINDOW: wide(1, 1),
  PRIORITY: frame(2, 0, 1, Buffer.alloc(5)),
} as const;
type Name = keyof typeof FRAMES;

/** ok: taken. -: ignored. S and a code: the stream ends. C and a code: the connection ends. */
type Outcome = 'ok' | '-' | `S${number}` | `C${number}`;

interface State {
  readonly upload: boolean;
  /** Brings the stream there. */
  readonly make: (drive: Drive, stream: LinkStream) => void;
  readonly outcomes: Readonly<Record<Name, Outcome>>;
}

const late: Record<Name, Outcome> = {
  response: '-',
  'early hint': '-',
  trailers: '-',
  'trailers that do not end': '-',
  DATA: '-',
  'DATA+END': '-',
  RST: '-',
  WINDOW: '-',
  PRIORITY: '-',
};
const over = {
  ...late,
  response: 'C5',
  'early hint': 'C5',
  trailers: 'C5',
  'trailers that do not end': 'C5',
  DATA: 'S5',
  'DATA+END': 'S5',
} as const;
const waiting = {
  response: 'ok',
  'early hint': '-',
  trailers: 'S1',
  'trailers that do not end': 'S1',
  DATA: 'S1',
  'DATA+END': 'S1',
  RST: 'ok',
  WINDOW: '-',
  PRIORITY: '-',
} as const;
const answered = {
  ...waiting,
  response: 'S1',
  'early hint': 'S1',
  trailers: 'ok',
  DATA: 'ok',
  'DATA+END': 'ok',
} as const;
const ended = {
  ...answered,
  response: 'S5',
  'early hint': 'S5',
  trailers: 'S5',
  'trailers that do not end': 'S5',
  DATA: 'S5',
  'DATA+END': 'S5',
} as const;
const respond = (drive: Drive): unknown => drive.feed(FRAMES.response);

const STATES: Readonly<Record<string, State>> = {
  'open, nothing answered': { upload: true, make: () => {}, outcomes: waiting },
  'half-closed (local), nothing answered': { upload: false, make: () => {}, outcomes: waiting },
  'open, answered': { upload: true, make: (drive) => void respond(drive), outcomes: answered },
  'half-closed (local), answered': {
    upload: false,
    make: (drive) => void respond(drive),
    outcomes: answered,
  },
  'half-closed (remote)': {
    upload: true,
    make: (drive) => void (respond(drive), drive.feed(FRAMES['DATA+END'])),
    outcomes: ended,
  },
  'closed by both ends': {
    upload: false,
    make: (drive) => void (respond(drive), drive.feed(FRAMES['DATA+END'])),
    outcomes: { ...over, DATA: 'C5', 'DATA+END': 'C5' },
  },
  'closed by the server’s reset': {
    upload: true,
    make: (drive) => void drive.feed(FRAMES.RST),
    outcomes: over,
  },
  'closed by our reset': {
    upload: true,
    make: (drive, stream) => drive.connection.resetStream(stream, 8),
    outcomes: late,
  },
  'closed by an error of the server': {
    upload: true,
    make: (drive) => void drive.feed(wide(1, 0)),
    outcomes: late,
  },
};

describe.each(Object.entries(STATES))('%s', (state, { upload, make, outcomes }) => {
  test.each(Object.keys(FRAMES) as Name[])('%s', (name) => {
    const drive = new Drive({ role: 'client' }).feed(ack, settings());
    const stream = drive.connection.openStream(null, headerBlock(REQUEST), -1, 0, !upload);
    make(drive, stream);
    drive.take();
    drive.resets.clear();
    drive.events.length = 0;
    drive.feed(FRAMES[name]);
    const told = drive.events.filter((event) => !event.startsWith('capacity') && event !== 'close');
    let outcome: string = told.length > 0 ? 'ok' : '-';
    if (drive.resets.has(1)) outcome = `S${drive.resets.get(1)}`;
    if (drive.goAway >= 0) outcome = `C${drive.goAway}`;
    expect(outcome).toBe(outcomes[name]);
    // Whoever opened a stream that ends by an error hears of it once, and of a stream that was over nothing.
    const resets = told.filter((event) => event.startsWith('reset'));
    const wasOpen = !state.startsWith('closed');
    expect(resets.length).toBe(wasOpen && (outcome.startsWith('S') || name === 'RST') ? 1 : 0);
    if (outcome.startsWith('S') || outcome.startsWith('C')) expect(drive.connection.streamsOpen).toBe(0);
  });
});
