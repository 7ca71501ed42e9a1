/** The receiving side: what each frame does (RFC 9113 §6). Frames come whole; nothing here throws for what a peer sent. */
import { DecodedBlock } from './block-memo.ts';
import { chargeData } from './budgets.ts';
import { handleGoAway, handlePing, handleSettings, handleWindowUpdate } from './control.ts';
import {
  type Core,
  advanceStream,
  closeStream,
  creditConnection,
  creditStream,
  drawReset,
  failConnection,
  failStream,
  glitch,
  initialRecvWindow,
  refuse,
  writeGoAway,
} from './core.ts';
import { Ended } from './ended-streams.ts';
import { DecodeEnd } from './hpack-decoder.ts';
import { ErrorCode, Flag, FrameType, MAX_31_BIT } from './protocol.ts';
import { LOAN_BYTES_MIN, offer } from './loan.ts';
import { Expect, MOVED, Stream, StreamEvent } from './stream.ts';

/** One frame; its payload is `source[start, end)`. */
export function handleFrame(
  core: Core,
  type: number,
  flags: number,
  id: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  switch (type) {
    case FrameType.DATA:
      return handleData(core, flags, id, source, start, end);
    case FrameType.HEADERS:
      return handleHeaders(core, flags, id, source, start, end);
    case FrameType.CONTINUATION:
      return handleContinuation(core, flags, id, source, start, end);
    case FrameType.PRIORITY:
      return handlePriority(core, id, source, start, end);
    case FrameType.RST_STREAM:
      return handleReset(core, id, source, start, end);
    case FrameType.SETTINGS:
      return handleSettings(core, flags, id, source, start, end);
    case FrameType.PUSH_PROMISE:
      return failConnection(core, ErrorCode.PROTOCOL_ERROR, 'PUSH_PROMISE, though push is disabled');
    case FrameType.PING:
      return handlePing(core, flags, id, source, start, end);
    case FrameType.GOAWAY:
      return handleGoAway(core, id, source, start, end);
    case FrameType.WINDOW_UPDATE:
      return handleWindowUpdate(core, id, source, start, end);
    default:
      glitch(core, `frame of unknown type ${type}`);
  }
}

function handleData(
  core: Core,
  flags: number,
  id: number,
  source: Uint8Array,
  from: number,
  to: number,
): void {
  if (id === 0) return failConnection(core, ErrorCode.PROTOCOL_ERROR, 'DATA on stream 0');
  let start = from;
  let end = to;
  if ((flags & Flag.PADDED) !== 0) {
    if (to - from < 1)
      return failConnection(core, ErrorCode.FRAME_SIZE_ERROR, 'padded DATA without pad length');
    const padding = source[from] as number;
    if (padding >= to - from)
      return failConnection(core, ErrorCode.PROTOCOL_ERROR, 'padding as long as the frame');
    start = from + 1;
    end = to - padding;
  }
  const flow = to - from;
  core.recvWindow -= flow;
  if (core.recvWindow < 0)
    return failConnection(core, ErrorCode.FLOW_CONTROL_ERROR, 'connection window exceeded');
  const stream = core.streams.get(id);
  if (stream === null) return handleLateData(core, id, flow, (flags & Flag.END_STREAM) !== 0);
  stream.recvWindow -= flow;
  const endStream = (flags & Flag.END_STREAM) !== 0;
  const code = dataFault(core, stream, end - start, endStream);
  if (code !== ErrorCode.NO_ERROR) {
    creditConnection(core, flow);
    return failStream(core, stream, code);
  }
  if (!chargeData(core, stream, end - start, flow, endStream)) return;
  const padding = flow - (end - start);
  if (padding > 0) {
    creditConnection(core, padding);
    creditStream(core, stream, padding);
  }
  stream.idleTicks = MOVED;
  stream.unconsumed += end - start;
  if (endStream) advanceStream(core, stream, StreamEvent.REMOTE_END);
  if (end === start && !endStream) return;
  const bytes = viewOf(source, start, end);
  if (core.lends && bytes.length >= LOAN_BYTES_MIN) {
    offer.bytes = bytes;
    offer.source = source;
    offer.start = start;
  }
  core.events.onData(stream, bytes, endStream);
  offer.bytes = null;
}

/** Payloads up to this size are copied where they need no view of their own: to make one costs more than a small call's octets. */
const COPY_BYTES_MAX = 64;
/** A place for each size. One payload at a time is under way, since events are calls, and none outlives its call. */
const COPIES: readonly Uint8Array[] = Array.from(
  { length: COPY_BYTES_MAX + 1 },
  (_, size) => new Uint8Array(size),
);

function viewOf(source: Uint8Array, start: number, end: number): Uint8Array {
  const size = end - start;
  if (size > COPY_BYTES_MAX) return source.subarray(start, end);
  const copy = COPIES[size] as Uint8Array;
  for (let index = 0, at = start; at < end; index++, at++) copy[index] = source[at] as number;
  return copy;
}

/** The stream error that a DATA frame is, NO_ERROR where it is fine. */
function dataFault(core: Core, stream: Stream, length: number, endStream: boolean): number {
  if (!stream.remoteOpen) return ErrorCode.STREAM_CLOSED;
  if (stream.expect !== Expect.BODY) return ErrorCode.PROTOCOL_ERROR;
  if (stream.recvWindow < 0) return ErrorCode.FLOW_CONTROL_ERROR;
  if (stream.contentLeft >= 0 && !stream.head) {
    stream.contentLeft -= length;
    if (stream.contentLeft < 0 || (endStream && stream.contentLeft > 0)) return ErrorCode.PROTOCOL_ERROR;
  }
  return ErrorCode.NO_ERROR;
}

/** DATA for a stream that has no record: its credit goes back at once. */
function handleLateData(core: Core, id: number, flow: number, endStream: boolean): void {
  creditConnection(core, flow);
  if (isIdle(core, id)) return failConnection(core, ErrorCode.PROTOCOL_ERROR, 'DATA on an idle stream');
  if (core.ended.expects(id, endStream)) return;
  if (isIgnored(core, id)) {
    glitch(core, 'DATA on a stream that was reset');
    return;
  }
  // RFC 7540 §5.1 demands this of what follows END_STREAM; RFC 9113 allows it.
  if (core.ended.how(id) === Ended.NORMALLY)
    return failConnection(core, ErrorCode.STREAM_CLOSED, 'DATA on a closed stream');
  refuse(core, id, ErrorCode.STREAM_CLOSED);
}

/** Never opened by whoever would open it. */
export function isIdle(core: Core, id: number): boolean {
  const peers = (id & 1) === (core.isServer ? 1 : 0);
  return peers ? id > core.lastPeerId : id >= core.nextId;
}

/** Late frames that the peer sent before it could know of our reset or GOAWAY. */
function isIgnored(core: Core, id: number): boolean {
  const how = core.ended.how(id);
  if (how === Ended.BY_OUR_RESET || how === Ended.BY_OUR_WISH) return true;
  return core.isServer && core.goAwayFinal && id > core.goAwaySentId;
}

/** HEADERS (RFC 9113 §6.2): the block at once, or its beginning. */
function handleHeaders(
  core: Core,
  flags: number,
  id: number,
  source: Uint8Array,
  from: number,
  to: number,
): void {
  if (id === 0) return failConnection(core, ErrorCode.PROTOCOL_ERROR, 'HEADERS on stream 0');
  let start = from;
  let end = to;
  if ((flags & (Flag.PADDED | Flag.PRIORITY)) !== 0) {
    const padded = (flags & Flag.PADDED) !== 0;
    const prefix = (padded ? 1 : 0) + ((flags & Flag.PRIORITY) !== 0 ? 5 : 0);
    if (to - from < prefix)
      return failConnection(core, ErrorCode.FRAME_SIZE_ERROR, 'HEADERS too short for its flags');
    end = to - (padded ? (source[from] as number) : 0);
    start = from + prefix;
    if (end < start) return failConnection(core, ErrorCode.PROTOCOL_ERROR, 'padding longer than the frame');
    core.blockFault = (flags & Flag.PRIORITY) !== 0 && dependency(source, start - 5) === id;
  }
  const endStream = (flags & Flag.END_STREAM) !== 0;
  if ((flags & Flag.END_HEADERS) !== 0) return handleBlock(core, id, endStream, source, start, end);
  core.blockId = id;
  core.blockEndStream = endStream;
  core.blockOctets = Buffer.from(source.subarray(start, end));
  core.continuations = 0;
  core.blockDeadlineNs = core.nowNs + core.limits.headerBlockTimeoutMs * 1e6;
}

/** CONTINUATION of the block in progress (RFC 9113 §6.10): the reader lets no other frame through. */
function handleContinuation(
  core: Core,
  flags: number,
  id: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  core.continuations += 1;
  if (core.continuations > core.limits.continuationsMax) {
    return failConnection(core, ErrorCode.ENHANCE_YOUR_CALM, 'too many CONTINUATION frames');
  }
  const octets = Buffer.concat([core.blockOctets as Buffer, source.subarray(start, end)]);
  if ((flags & Flag.END_HEADERS) === 0) {
    core.blockOctets = octets;
    return;
  }
  core.blockId = -1;
  core.blockOctets = null;
  core.blockDeadlineNs = Infinity;
  handleBlock(core, id, core.blockEndStream, octets, 0, octets.length);
}

/** A complete header block. */
function handleBlock(
  core: Core,
  id: number,
  endStream: boolean,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  const stream = core.streams.get(id);
  if (stream === null && !core.isServer && isIdle(core, id)) {
    return failConnection(core, ErrorCode.PROTOCOL_ERROR, 'HEADERS on an idle stream');
  }
  let decoded = decodeBlock(core, source, start, end);
  if (core.closed) return;
  if (core.blockFault) {
    core.blockFault = false;
    decoded = null;
  }
  if (stream === null) {
    if (core.isServer && id > core.lastPeerId) return handleRequest(core, id, decoded, endStream);
    return handleLateHeaders(core, id, endStream);
  }
  if (!stream.remoteOpen || stream.expect === Expect.NOTHING)
    return failStream(core, stream, ErrorCode.STREAM_CLOSED);
  if (stream.expect === Expect.BODY) return handleTrailers(core, stream, decoded, endStream);
  handleResponse(core, stream, decoded, endStream);
}

/** The block from memory or from the decoder; null: too large, or the connection is gone. */
function decodeBlock(core: Core, source: Uint8Array, start: number, end: number): DecodedBlock | null {
  const { decoder, memo } = core;
  const version = decoder.table.version;
  const known = memo.find(version, source, start, end);
  if (known !== null) return known;
  const how = decoder.decode(source, start, end);
  if (how === DecodeEnd.TOO_LARGE) return null;
  if (how === DecodeEnd.BROKEN) {
    failConnection(core, ErrorCode.COMPRESSION_ERROR, 'header block cannot be decoded');
    return null;
  }
  if (how === DecodeEnd.FLOOD) {
    failConnection(core, ErrorCode.ENHANCE_YOUR_CALM, 'header list far above the limit');
    return null;
  }
  const decoded = new DecodedBlock(decoder.fields, core.isServer, decoder.listBytes);
  if (decoder.table.version === version) memo.keep(version, source, start, end, decoded);
  return decoded;
}

function handleRequest(core: Core, id: number, decoded: DecodedBlock | null, endStream: boolean): void {
  if ((id & 1) === 0)
    return failConnection(core, ErrorCode.PROTOCOL_ERROR, 'client opened an even stream id');
  core.lastPeerId = id;
  if (core.goAwayFinal && id > core.goAwaySentId) return; // The client knows that it was not acted on.
  core.streamsBegun += 1;
  if (decoded?.block.isGrpc === true) core.grpcSeen = true;
  if (core.streams.count >= core.limits.concurrentStreamsMax) {
    return refuseStream(core, id, ErrorCode.REFUSED_STREAM);
  }
  if (decoded === null || decoded.headFlaw !== '') return refuseStream(core, id, ErrorCode.PROTOCOL_ERROR);
  if (endStream && decoded.contentLength > 0) return refuseStream(core, id, ErrorCode.PROTOCOL_ERROR);
  const stream = new Stream(id, null, initialRecvWindow(core));
  stream.expect = Expect.BODY;
  stream.contentLeft = decoded.contentLength;
  core.streams.add(stream);
  if (endStream) advanceStream(core, stream, StreamEvent.REMOTE_END);
  if (id >= core.limits.streamIdMax && core.goAwaySentId < 0)
    writeGoAway(core, MAX_31_BIT, ErrorCode.NO_ERROR, '');
  core.events.onHeaders(stream, decoded.block, endStream);
}

function refuseStream(core: Core, id: number, code: number): void {
  core.ended.remember(id, Ended.BY_OUR_RESET, core.streams.count);
  refuse(core, id, code);
}

function handleResponse(core: Core, stream: Stream, decoded: DecodedBlock | null, endStream: boolean): void {
  if (decoded === null || decoded.headFlaw !== '') return failStream(core, stream, ErrorCode.PROTOCOL_ERROR);
  const { block } = decoded;
  if (block.status < 200) {
    stream.informationalBytes += decoded.listBytes;
    if (endStream || stream.informationalBytes > core.limits.informationalBytesMax) {
      failStream(core, stream, ErrorCode.PROTOCOL_ERROR);
    }
    return;
  }
  const bodiless = stream.head || block.status === 204 || block.status === 304;
  if (endStream && !bodiless && decoded.contentLength > 0) {
    return failStream(core, stream, ErrorCode.PROTOCOL_ERROR);
  }
  stream.contentLeft = bodiless ? -1 : decoded.contentLength;
  stream.expect = Expect.BODY;
  if (endStream) advanceStream(core, stream, StreamEvent.REMOTE_END);
  core.events.onHeaders(stream, block, endStream);
}

function handleTrailers(core: Core, stream: Stream, decoded: DecodedBlock | null, endStream: boolean): void {
  const bad =
    decoded === null || decoded.trailersFlaw !== '' || !endStream || (stream.contentLeft > 0 && !stream.head);
  if (bad) return failStream(core, stream, ErrorCode.PROTOCOL_ERROR);
  advanceStream(core, stream, StreamEvent.REMOTE_END);
  core.events.onTrailers(stream, decoded.block);
}

function handleLateHeaders(core: Core, id: number, endStream: boolean): void {
  if ((id & 1) === 0) return failConnection(core, ErrorCode.PROTOCOL_ERROR, 'HEADERS on an even stream id');
  const how = core.ended.how(id);
  if (core.ended.expects(id, endStream)) return;
  if (isIgnored(core, id)) glitch(core, 'HEADERS on a stream that was reset');
  else if (how !== Ended.UNKNOWN) failConnection(core, ErrorCode.STREAM_CLOSED, 'HEADERS on a closed stream');
  else if (core.isServer) failConnection(core, ErrorCode.PROTOCOL_ERROR, 'stream id lower than one before');
  else glitch(core, 'HEADERS on a stream of long ago'); // It was ours, and may have been reset.
}

function handlePriority(core: Core, id: number, source: Uint8Array, start: number, end: number): void {
  if (id === 0) return failConnection(core, ErrorCode.PROTOCOL_ERROR, 'PRIORITY on stream 0');
  if (end - start !== 5) return faultOn(core, id, ErrorCode.FRAME_SIZE_ERROR, 'PRIORITY of a wrong size');
  if (dependency(source, start) === id)
    return faultOn(core, id, ErrorCode.PROTOCOL_ERROR, 'stream depends on itself');
  glitch(core, 'PRIORITY');
}

/** A stream error for a frame that may stand on any stream, also one without a record. */
export function faultOn(core: Core, id: number, code: number, reason: string): void {
  const stream = core.streams.get(id);
  if (stream !== null) failStream(core, stream, code);
  else if (isIdle(core, id)) failConnection(core, code, reason);
  else refuse(core, id, code);
}

/** The stream that a PRIORITY payload names (RFC 9113 §5.3.2); only looked at to find a loop. */
export function dependency(source: Uint8Array, at: number): number {
  return (
    (((source[at] as number) & 0x7f) << 24) |
    ((source[at + 1] as number) << 16) |
    ((source[at + 2] as number) << 8) |
    (source[at + 3] as number)
  );
}

function handleReset(core: Core, id: number, source: Uint8Array, start: number, end: number): void {
  if (id === 0) return failConnection(core, ErrorCode.PROTOCOL_ERROR, 'RST_STREAM on stream 0');
  if (end - start !== 4)
    return failConnection(core, ErrorCode.FRAME_SIZE_ERROR, 'RST_STREAM of a wrong size');
  if (isIdle(core, id)) return failConnection(core, ErrorCode.PROTOCOL_ERROR, 'RST_STREAM on an idle stream');
  const stream = core.streams.get(id);
  if (stream === null) {
    if (!core.ended.expectsReset(id)) glitch(core, 'RST_STREAM on a closed stream');
    return;
  }
  const code = (dependency(source, start) | (((source[start] as number) & 0x80) << 24)) >>> 0;
  closeStream(core, stream, Ended.BY_PEER_RESET);
  core.events.onReset(stream, code, code === ErrorCode.REFUSED_STREAM);
  // An endpoint can only reset what we opened: as often as we ask for it, and its other calls need not end for that.
  if (core.isServer) drawReset(core);
}
