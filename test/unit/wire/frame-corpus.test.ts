/**
 * The frames of http2jp/http2-frame-test-case: the wrong ones end as they say; of the good ones our engine understands each
 * part that it uses. Stream ids that no peer could use here are replaced by that of an open stream.
 */
import { expect, test } from 'vitest';
import { Core } from '../../../proxy/wire/core.ts';
import { FrameReader } from '../../../proxy/wire/frame-reader.ts';
import { FrameType } from '../../../proxy/wire/protocol.ts';
import { FRAME_CORPUS, jsonFiles, needCorpus, readJson } from './corpus.ts';
import { Drive, PREFACE, REQUEST, frames, headers, settings } from './kit.ts';

interface Payload {
  readonly data: string;
  readonly header_block_fragment: string;
  readonly error_code: number;
  readonly settings: readonly [number, number][];
  readonly opaque_data: string;
  readonly additional_debug_data: string;
  readonly last_stream_id: number;
  readonly window_size_increment: number;
}

interface FrameCase {
  readonly error: readonly number[] | null;
  readonly wire: string;
  readonly frame: {
    readonly type: number;
    readonly stream_identifier: number;
    readonly frame_payload: Payload;
  } | null;
}

test('every wrong frame ends in one of the errors that it may end in', (context) => {
  const wrong = cases(needCorpus(FRAME_CORPUS, context)).filter(([, { error }]) => error !== null);
  for (const [file, { wire, error }] of wrong) {
    for (const role of ['server', 'client'] as const) {
      const drive = new Drive({ role, answer: false, open: role === 'client' ? 1 : 0 });
      if (role === 'server') drive.feed(headers(1, REQUEST, false));
      drive.feed(Buffer.from(wire, 'hex'));
      const code = drive.goAway >= 0 ? drive.goAway : drive.resets.get(1);
      expect(error, `${file} as ${role}: ${code}`).toContain(code);
    }
  }
  console.log(`frame corpus: ${wrong.length} of ${wrong.length} wrong frames end as they may, in both roles`);
  expect(wrong.length).toBeGreaterThan(20);
});

test('every good frame is understood', (context) => {
  const good = cases(needCorpus(FRAME_CORPUS, context)).filter(([, { error }]) => error === null);
  const types = new Set<number>();
  for (const [file, { wire, frame }] of good) {
    const { type, frame_payload: payload } = frame as NonNullable<FrameCase['frame']>;
    types.add(type);
    understand(file, type, Buffer.from(wire, 'hex'), payload);
  }
  console.log(`frame corpus: ${good.length} of ${good.length} good frames understood`);
  expect([...types].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

function understand(file: string, type: number, octets: Buffer, payload: Payload): void {
  if (type === FrameType.HEADERS || type === FrameType.CONTINUATION)
    return understandBlock(file, type, octets, payload);
  const seen: string[] = [];
  const core = coreOf(seen);
  const reader = new FrameReader(core);
  reader.read(Buffer.concat([PREFACE, settings(), headers(1, REQUEST, false)]));
  core.output.take();
  const window = core.streams.get(1)?.sendDelta ?? Number.NaN;
  if (octets.readUInt32BE(5) > 0) octets.writeUInt32BE(1, 5);
  reader.read(octets);
  const sent = frames(Buffer.from(core.output.take()));
  const { encoder, peerStreamsMax, goAwayReceivedId, goAwayReceivedCode } = core;
  switch (type) {
    case FrameType.DATA:
      return expect(seen, file).toEqual([`data ${payload.data}`]);
    case FrameType.PRIORITY:
      return expect([core.closed, sent], file).toEqual([false, []]);
    case FrameType.RST_STREAM:
      return expect(seen, file).toEqual([`reset ${payload.error_code}`]);
    case FrameType.SETTINGS: {
      const wanted = new Map(payload.settings);
      expect(peerStreamsMax, file).toBe(wanted.get(3));
      expect(encoder.table.maxSize, file).toBe(Math.min(wanted.get(1) as number, 4_096));
      return expect(sent.map((one) => [one.type, one.flags])).toEqual([[4, 1]]);
    }
    case FrameType.PUSH_PROMISE: // Understood, and not wanted.
      return expect([core.closed, sent.at(-1)?.payload.readUInt32BE(4)], file).toEqual([true, 1]);
    case FrameType.PING:
      return expect(
        sent.map((one) => [one.type, one.flags, one.payload.toString()]),
        file,
      ).toEqual([[6, 1, payload.opaque_data]]);
    case FrameType.GOAWAY:
      return expect([goAwayReceivedId, goAwayReceivedCode], file).toEqual([
        payload.last_stream_id,
        payload.error_code,
      ]);
    case FrameType.WINDOW_UPDATE:
      return expect((core.streams.get(1)?.sendDelta ?? 0) - window, file).toBe(payload.window_size_increment);
    default:
      throw new Error(`${file}: no such type ${type}`);
  }
}

/** The fragments of the corpus are no HPACK: what is looked at is which octets go to the decoder. */
function understandBlock(file: string, type: number, octets: Buffer, payload: Payload): void {
  const core = coreOf([]);
  const reader = new FrameReader(core);
  reader.read(Buffer.concat([PREFACE, settings()]));
  if (type === FrameType.CONTINUATION) {
    reader.read(Buffer.from('000000010000000001', 'hex'));
    octets.writeUInt32BE(1, 5);
  }
  octets[4] = (octets[4] as number) & ~0x4; // The block goes on.
  reader.read(octets);
  expect([core.closed, core.blockId], file).toEqual([false, octets.readUInt32BE(5)]);
  expect(core.blockOctets?.toString(), file).toBe(payload.header_block_fragment);
}

function coreOf(seen: string[]): Core {
  return new Core(
    'server',
    {
      onHeaders: () => {},
      onData: (_, bytes) => seen.push(`data ${Buffer.from(bytes).toString()}`),
      onTrailers: () => {},
      onReset: (_, code) => seen.push(`reset ${code}`),
      onDrained: () => {},
      onCapacity: () => {},
      onClose: () => {},
    },
    {},
  );
}

function cases(folder: string): [file: string, one: FrameCase][] {
  return jsonFiles(folder).map((file) => [file, readJson(folder, file) as FrameCase]);
}
