/** The sending side: header blocks, DATA within both windows, queues and the line for what cannot leave yet. */
import type { HeaderBlock } from './headers.ts';
import { type Core, advanceStream } from './core.ts';
import { LOAN_BYTES_MIN, offer } from './loan.ts';
import { DEFAULT_FRAME_BYTES, FRAME_HEADER_BYTES, Flag, FrameType } from './protocol.ts';
import { MOVED, type Stream, StreamEvent } from './stream.ts';

/** HEADERS (and CONTINUATION above the peer's frame size). `appendCallFields` was null: the block as it is. */
export function sendBlock(
  core: Core,
  stream: Stream,
  block: HeaderBlock,
  endStream: boolean,
  timeout: string | null,
  previousAttempts: number,
): void {
  const output = core.output;
  const start = output.length;
  output.reserve(FRAME_HEADER_BYTES);
  output.length += FRAME_HEADER_BYTES;
  core.encoder.encode(block, timeout !== null, output);
  if (timeout !== null) {
    if (timeout !== '') core.encoder.appendLiteral('grpc-timeout', timeout, output);
    if (previousAttempts > 0) {
      core.encoder.appendLiteral('grpc-previous-rpc-attempts', String(previousAttempts), output);
    }
  }
  core.urgent = true;
  const length = output.length - start - FRAME_HEADER_BYTES;
  const endFlag = endStream ? Flag.END_STREAM : 0;
  if (length <= core.peerFrameBytes) {
    output.patchFrame(start, length, FrameType.HEADERS, Flag.END_HEADERS | endFlag, stream.id);
  } else {
    splitBlock(core, stream.id, start, endFlag);
  }
  if (endStream) advanceStream(core, stream, StreamEvent.LOCAL_END);
}

/** Writes a block that stands at `start` again, in frames of the peer's size. */
function splitBlock(core: Core, streamId: number, start: number, endFlag: number): void {
  const output = core.output;
  const block = Uint8Array.from(output.buffer.subarray(start + FRAME_HEADER_BYTES, output.length));
  output.length = start;
  for (let at = 0; at < block.length; at += core.peerFrameBytes) {
    const end = Math.min(block.length, at + core.peerFrameBytes);
    const flags = (at === 0 ? endFlag : 0) | (end === block.length ? Flag.END_HEADERS : 0);
    output.reserve(FRAME_HEADER_BYTES + end - at);
    output.frame(end - at, at === 0 ? FrameType.HEADERS : FrameType.CONTINUATION, flags, streamId);
    output.octets(block, at, end);
  }
}

/** Body octets: out at once where both windows and the output have room, else queued. */
export function sendBody(core: Core, stream: Stream, bytes: Uint8Array, endStream: boolean): void {
  const length = bytes.length;
  if (stream.queuedBytes === 0 && fits(core, stream, length)) {
    if (core.borrows && bytes === offer.bytes && length >= LOAN_BYTES_MIN)
      lendWhole(core, stream, length, endStream);
    else if (length > 0 || endStream) writeWhole(core, stream, bytes, endStream);
    return;
  }
  if (length > 0) {
    if (stream.queuedBytes === 0) {
      core.queuedStreams += 1;
      stream.progressNs = core.nowNs;
      if (core.queuedStreams === 1) core.shutCheckNs = core.nowNs + core.limits.windowShutTimeoutMs * 1e6;
    }
    enqueue((stream.queue ??= []), bytes);
    stream.queuedBytes += length;
  }
  if (endStream) stream.endQueued = true;
  if (!stream.inLine) pump(core, stream, false);
}

/** A copy of the octets at the queue's end. Small ones share a buffer: a record for each would outweigh them. */
function enqueue(queue: Uint8Array[], bytes: Uint8Array): void {
  const last = queue.at(-1);
  if (last === undefined || bytes.length > GATHER_BYTES / 4) {
    queue.push(Uint8Array.prototype.slice.call(bytes));
    return;
  }
  const end = last.byteOffset + last.length;
  if (last.buffer.byteLength !== GATHER_BYTES || end + bytes.length > GATHER_BYTES) {
    const gathered = new Uint8Array(GATHER_BYTES);
    gathered.set(bytes);
    queue.push(gathered.subarray(0, bytes.length));
    return;
  }
  const wider = new Uint8Array(last.buffer, last.byteOffset, last.length + bytes.length);
  wider.set(bytes, last.length);
  queue[queue.length - 1] = wider;
}

function fits(core: Core, stream: Stream, length: number): boolean {
  if (length === 0) return true;
  return (
    length <= core.sendWindow &&
    length <= core.peerInitialWindow + stream.sendDelta &&
    core.output.bytes < core.outputRoomBytes
  );
}

/** The frame that was read goes on as it lies: it is not larger than the least that a peer may allow. */
function lendWhole(core: Core, stream: Stream, length: number, endStream: boolean): void {
  const { source, start } = offer;
  offer.bytes = null;
  charge(core, stream, length);
  core.output.lend(source, start, start + length, endStream ? Flag.END_STREAM : 0, stream.id);
  core.dataFramesSent += 1;
  if (endStream) advanceStream(core, stream, StreamEvent.LOCAL_END);
}

function charge(core: Core, stream: Stream, length: number): void {
  core.urgent = true;
  core.sendWindow -= length;
  stream.sendDelta -= length;
  stream.idleTicks = MOVED;
}

/** Frames stay at 16 KiB, the least that a peer may allow, also for one that takes more: so streams take turns. */
function writeWhole(core: Core, stream: Stream, bytes: Uint8Array, endStream: boolean): void {
  const output = core.output;
  const length = bytes.length;
  charge(core, stream, length);
  let at = 0;
  do {
    const end = Math.min(length, at + DEFAULT_FRAME_BYTES);
    output.reserve(FRAME_HEADER_BYTES + end - at);
    output.frame(end - at, FrameType.DATA, endStream && end === length ? Flag.END_STREAM : 0, stream.id);
    output.octets(bytes, at, end);
    core.dataFramesSent += 1;
    at = end;
  } while (at < length);
  if (endStream) advanceStream(core, stream, StreamEvent.LOCAL_END);
}

/** Trailers, after whatever is queued. */
export function sendEnd(core: Core, stream: Stream, trailers: HeaderBlock): void {
  if (stream.queuedBytes > 0) {
    stream.trailersQueued = trailers;
    stream.endQueued = true;
  } else {
    sendBlock(core, stream, trailers, true, null, 0);
  }
}

/** Sends what the queue and the windows allow; `oneFrame`: then goes to the back of the line. */
export function pump(core: Core, stream: Stream, oneFrame: boolean): void {
  while (stream.queuedBytes > 0 && !core.closed) {
    const streamWindow = core.peerInitialWindow + stream.sendDelta;
    if (streamWindow <= 0) return; // Its own WINDOW_UPDATE or SETTINGS will come back to it.
    if (core.sendWindow <= 0 || core.output.bytes >= core.outputRoomBytes) {
      joinLine(core, stream);
      return;
    }
    const window = Math.min(core.sendWindow, streamWindow);
    const size = Math.min(stream.queuedBytes, window, DEFAULT_FRAME_BYTES);
    if (isDribble(core, stream, size)) {
      hold(core, stream);
      return;
    }
    writeQueued(core, stream, size);
    if (stream.queuedBytes === 0) finishQueue(core, stream);
    else if (oneFrame) {
      joinLine(core, stream);
      return;
    }
  }
}

/** Serves the line, one frame each in turn, while there is connection window and room. */
export function pumpLine(core: Core): void {
  const room = core.outputRoomBytes;
  while (core.line.length > 0 && !core.closed && core.sendWindow > 0 && core.output.bytes < room) {
    const stream = core.line.shift() as Stream;
    stream.inLine = false;
    pump(core, stream, true);
  }
}

/** Every stream with a queue may have become free: after SETTINGS or a tick. */
export function pumpAll(core: Core): void {
  // Also where all that were held have ended: nobody is to be woken for them again.
  releaseHeld(core);
  if (core.queuedStreams === 0) return;
  for (const stream of core.streams.all()) {
    if (stream.queuedBytes > 0 && !stream.inLine) pump(core, stream, false);
  }
  pumpLine(core);
}

/** Streams held back as dribbling get another look. */
export function releaseHeld(core: Core): void {
  const held = core.held;
  if (held.length === 0) return;
  core.held = [];
  core.heldUntilNs = Infinity;
  for (const stream of held) {
    stream.inLine = false;
    joinLine(core, stream);
  }
}

function joinLine(core: Core, stream: Stream): void {
  stream.inLine = true;
  // Streams that ended stand in it until their turn, which need not come while the peer's window is shut.
  if (core.line.length > 2 * core.streams.count + LINE_SLACK)
    core.line = core.line.filter(({ queuedBytes }) => queuedBytes > 0);
  core.line.push(stream);
}

function hold(core: Core, stream: Stream): void {
  stream.inLine = true;
  core.held.push(stream);
  if (core.heldUntilNs === Infinity) core.heldUntilNs = core.nowNs + HOLD_NS;
}

/** A peer that opens its window octet by octet would have us make a frame of each (CVE-2019-9511). */
function isDribble(core: Core, stream: Stream, size: number): boolean {
  if (size === stream.queuedBytes) return false;
  // An honest peer with a small window opens half of it at a time.
  const half = Math.max(DRIBBLE_BYTES_MIN, core.peerInitialWindow >>> 1);
  if (size >= Math.min(core.limits.dribbleBytes, half)) return false;
  return !core.dribbles.take(core.nowNs);
}

function writeQueued(core: Core, stream: Stream, size: number): void {
  const output = core.output;
  const queue = stream.queue as Uint8Array[];
  const last = size === stream.queuedBytes && stream.endQueued && stream.trailersQueued === null;
  output.reserve(FRAME_HEADER_BYTES + size);
  output.frame(size, FrameType.DATA, last ? Flag.END_STREAM : 0, stream.id);
  let left = size;
  while (left > 0) {
    const chunk = queue[0] as Uint8Array;
    const end = Math.min(chunk.length, stream.queueOffset + left);
    output.octets(chunk, stream.queueOffset, end);
    left -= end - stream.queueOffset;
    stream.queueOffset = end;
    if (end === chunk.length) {
      queue.shift();
      stream.queueOffset = 0;
    }
  }
  stream.queuedBytes -= size;
  stream.sendDelta -= size;
  core.sendWindow -= size;
  core.dataFramesSent += 1;
  core.urgent = true;
  stream.idleTicks = MOVED;
  stream.progressNs = core.nowNs;
}

function finishQueue(core: Core, stream: Stream): void {
  core.queuedStreams -= 1;
  stream.queue = null;
  const trailers = stream.trailersQueued;
  if (trailers !== null) {
    stream.trailersQueued = null;
    sendBlock(core, stream, trailers, true, null, 0);
  } else if (stream.endQueued) {
    advanceStream(core, stream, StreamEvent.LOCAL_END);
  }
  core.events.onDrained(stream);
}

const DRIBBLE_BYTES_MIN = 256;
const HOLD_NS = 100_000_000;
const GATHER_BYTES = 4_096;
const LINE_SLACK = 16;
