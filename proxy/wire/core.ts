/** The state that both directions of a connection share, and the steps that more than one of them takes. */
import { BlockMemo } from './block-memo.ts';
import { TokenBucket } from './bucket.ts';
import { Ended, EndedStreams } from './ended-streams.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { HpackEncoder } from './hpack-encoder.ts';
import { CLIENT_WIRE_LIMITS, DEFAULT_WIRE_LIMITS, type WireLimits } from './limits.ts';
import { CONNECTION_LOST, type LinkEvents } from './link.ts';
import { Liveness } from './liveness.ts';
import { Output } from './output.ts';
import { DEFAULT_FRAME_BYTES, DEFAULT_WINDOW_BYTES, ErrorCode, FrameType, MAX_31_BIT } from './protocol.ts';
import { Expect, STREAM_TRANSITIONS, type Stream, StreamEvent, StreamState, StreamTable } from './stream.ts';

export type ConnectionRole = 'client' | 'server';

export class Core {
  readonly role: ConnectionRole;
  readonly isServer: boolean;
  readonly events: LinkEvents;
  readonly limits: WireLimits;
  readonly output = new Output();
  /** What is being read is given away: its payloads may stay where they lie until they are written. */
  lends = false;
  /** The driver takes chunks, and writes them before their lender reads again. */
  borrows = false;
  readonly streams = new StreamTable();
  readonly decoder: HpackDecoder;
  readonly encoder: HpackEncoder;
  readonly memo = new BlockMemo();
  readonly resets: TokenBucket;
  readonly glitches: TokenBucket;
  readonly emptyFrames: TokenBucket;
  readonly dribbles: TokenBucket;
  /** The driver's clock, nanoseconds. */
  nowNs = 0;
  /** Something in the output must not wait for the next tick. */
  urgent = false;
  /** How often the output was taken. */
  takes = 0;
  /** ACKs and resets put in the output since it was last taken. */
  queuedControlFrames = 0;
  /** Nothing more is read or sent; the output's rest is written and the socket ended. */
  closed = false;
  wantsClose = false;
  /** Highest id the peer opened, and the highest we opened. */
  lastPeerId = 0;
  nextId: number;
  /** Last stream id of the GOAWAY we sent, -1: none. */
  goAwaySentId = -1;
  goAwayFinal = false;
  /** Last stream id of the peer's GOAWAY, -1: none. */
  goAwayReceivedId = -1;
  settingsReceived = false;
  settingsAcked = false;
  settingsWritten = false;
  peerInitialWindow = DEFAULT_WINDOW_BYTES;
  peerFrameBytes = DEFAULT_FRAME_BYTES;
  /** -1: the peer's SETTINGS are not here yet, or set no limit. */
  peerStreamsMax = -1;
  sendWindow = DEFAULT_WINDOW_BYTES;
  /** At least the largest `sendDelta` of any stream since it was last counted. */
  sendDeltaMax = 0;
  recvWindow = DEFAULT_WINDOW_BYTES;
  credit = 0;
  /** What a stream may receive from its beginning: less than the whole of it from an endpoint. */
  readonly firstWindowBytes: number;
  /** Output that may wait now: it doubles with each take, up to its limit. */
  outputRoomBytes: number;
  /** Streams that wait for connection window or output room, in turn. */
  line: Stream[] = [];
  /** Streams whose window is so narrow that sending would dribble; looked at again at `heldUntilNs`. */
  held: Stream[] = [];
  heldUntilNs = Infinity;
  /** A header block in progress: its stream, -1: none. */
  blockId = -1;
  blockEndStream = false;
  blockOctets: Buffer | null = null;
  continuations = 0;
  /** When the block must be whole. */
  blockDeadlineNs = Infinity;
  /** The block's HEADERS frame made its stream depend on itself. */
  blockFault = false;
  goAwayReceivedCode = 0;
  /** Streams and connections that were ended for what the peer did. */
  peerErrors = 0;
  /** The peer does not speak HTTP/2: no GOAWAY for it. */
  closeWithoutGoAway = false;
  /** When the connection began on the driver's clock; -Infinity until the clock is first looked at. */
  openedNs = -Infinity;
  pingsOut = 0;
  readonly liveness = new Liveness();
  readonly ended = new EndedStreams();
  /** The driver's or machine's: called with the clock at each answered PING. */
  onPingAck: ((nowNs: number) => void) | null = null;
  /** When streams with a queue are next looked at for lack of progress. */
  shutCheckNs = Infinity;
  /** `settle` has something to look at. */
  dues = false;
  /** Capacity was used up. */
  starved = false;
  /** Streams whose queue is not empty. */
  queuedStreams = 0;
  tinyBudget: number;
  windowUpdates = 0;
  streamsBegun = 0;
  dataFramesSent = 0;
  /** A gRPC request came: the rules of gRFC A8 hold for its PINGs. */
  grpcSeen = false;
  pingStrikes = 0;
  /** When the last PING came, and what had begun and been sent by then; -Infinity and -1: none came. */
  lastPingNs = -Infinity;
  sentAtPing = -1;
  /** When streams and connection are next looked at for idleness, and how often in a row nothing was open. */
  idleCheckNs = Infinity;
  idleTicks = 0;
  idleStreamsBegun = 0;
  /** The machine knows that no stream id is left. */
  idsSpent = false;

  constructor(role: ConnectionRole, events: LinkEvents, limits: Partial<WireLimits>) {
    const all = { ...(role === 'client' ? CLIENT_WIRE_LIMITS : DEFAULT_WIRE_LIMITS), ...limits };
    this.role = role;
    this.isServer = role === 'server';
    this.events = events;
    this.limits = all;
    this.decoder = new HpackDecoder(all.decoderTableBytes, all.headerListBytesMax, all.headerFieldsMax);
    this.encoder = new HpackEncoder(all.encoderTableBytes);
    this.resets = new TokenBucket(all.resetBurst, all.resetsPerSecond);
    this.glitches = new TokenBucket(all.glitchBurst, all.glitchesPerSecond);
    this.emptyFrames = new TokenBucket(all.emptyFramesPerSecond, all.emptyFramesPerSecond);
    this.dribbles = new TokenBucket(all.dribbleBurst, 10);
    this.nextId = this.isServer ? 2 : 1;
    this.tinyBudget = all.tinyDataBudgetBytes;
    const first = Math.min(all.firstWindowBytes, all.streamWindowBytes);
    this.firstWindowBytes = this.isServer ? all.streamWindowBytes : first;
    this.outputRoomBytes = all.outputBytesMax / 8;
  }
}

/** Ends the connection for what the peer did (RFC 9113 §5.4.1). Each open stream is told, then the machine. */
export function failConnection(core: Core, code: number, reason: string): void {
  if (core.closed) return;
  if (code !== ErrorCode.NO_ERROR) core.peerErrors += 1;
  if (!core.closeWithoutGoAway) writeGoAway(core, core.isServer ? core.lastPeerId : 0, code, reason);
  endConnection(core, reason);
}

/** Marks the connection as gone and tells every stream. */
export function endConnection(core: Core, reason: string): void {
  core.closed = true;
  core.wantsClose = true;
  core.line = [];
  core.held = [];
  core.heldUntilNs = Infinity;
  core.blockOctets = null;
  const streams = core.streams.all();
  for (const stream of streams) {
    core.streams.remove(stream);
    stream.state = StreamState.CLOSED;
    dropQueue(core, stream);
    const unsent = !core.isServer && stream.openedAtTake === core.takes;
    core.events.onReset(stream, CONNECTION_LOST, unsent);
  }
  core.events.onClose(reason);
}

/** A stream error (RFC 9113 §5.4.2) for what the peer did. Draws from the reset bucket. */
export function failStream(core: Core, stream: Stream, code: number): void {
  core.peerErrors += 1;
  closeStream(core, stream, Ended.BY_OUR_RESET);
  writeReset(core, stream.id, code);
  countControlFrame(core);
  core.events.onReset(stream, code, false);
  drawReset(core);
}

/** RST_STREAM that the peer provoked, for a stream without a record. */
export function refuse(core: Core, streamId: number, code: number): void {
  core.peerErrors += 1;
  writeReset(core, streamId, code);
  countControlFrame(core);
  drawReset(core);
}

/** One reset that the peer made or provoked. */
export function drawReset(core: Core): void {
  if (!core.resets.take(core.nowNs)) failConnection(core, ErrorCode.ENHANCE_YOUR_CALM, 'too many resets');
}

/** Takes the stream out of the table and gives its windows back. */
export function closeStream(core: Core, stream: Stream, how: number): void {
  stream.state = StreamState.CLOSED;
  stream.expect = Expect.NOTHING;
  core.streams.remove(stream);
  core.dues = true;
  dropQueue(core, stream);
  core.ended.remember(stream.id, how, core.streams.count);
  if (how !== Ended.NORMALLY && stream.unconsumed > 0) {
    const unconsumed = stream.unconsumed;
    stream.unconsumed = 0;
    creditConnection(core, unconsumed);
  }
}

/** One side ended; both: the stream is over. */
export function advanceStream(core: Core, stream: Stream, event: number): void {
  const next = (STREAM_TRANSITIONS[stream.state] as readonly number[])[event] as number;
  if (next < 0) throw new Error('assert: stream event in a state that cannot have it');
  stream.state = next;
  if (event === StreamEvent.REMOTE_END) stream.expect = Expect.NOTHING;
  if (next === StreamState.CLOSED) closeStream(core, stream, Ended.NORMALLY);
}

/** What a new stream may receive. Until our SETTINGS are acknowledged the peer may count on the default. */
export function initialRecvWindow(core: Core): number {
  const window = core.firstWindowBytes;
  return core.settingsAcked || window > DEFAULT_WINDOW_BYTES ? window : DEFAULT_WINDOW_BYTES;
}

/** What a stream's end may bring about. Done after each frame and before the output is taken, never inside a command. */
export function settle(core: Core): void {
  if (!core.dues || core.closed) return;
  core.dues = false;
  if (core.starved && capacityOf(core) > 0) {
    core.starved = false;
    core.events.onCapacity(false);
  }
  if (!core.isServer && !core.idsSpent && core.nextId >= core.limits.streamIdMax) {
    core.idsSpent = true;
    if (core.goAwayReceivedId < 0) core.events.onCapacity(true);
  }
  finishIfDrained(core);
}

/** A connection that takes no new streams and has none left is over. */
function finishIfDrained(core: Core): void {
  if (core.closed || core.streams.count > 0) return;
  if (!core.goAwayFinal && (core.isServer || core.goAwayReceivedId < 0)) return;
  if (core.goAwaySentId < 0) writeGoAway(core, 0, ErrorCode.NO_ERROR, '');
  endConnection(core, 'drained after GOAWAY');
}

/** Streams that may be opened now. */
export function capacityOf(core: Core): number {
  if (core.closed || core.isServer || core.goAwayReceivedId >= 0 || core.goAwaySentId >= 0) return 0;
  if (core.nextId >= core.limits.streamIdMax || core.output.bytes >= core.outputRoomBytes) return 0;
  const free = streamsMax(core) - core.streams.count;
  return free > 0 ? free : 0;
}

/** Streams that may be open at once, our own ones. */
function streamsMax(core: Core): number {
  const peer = core.peerStreamsMax;
  if (peer >= 0) return Math.min(peer, core.limits.openStreamsMax);
  return core.settingsReceived ? core.limits.openStreamsMax : Math.min(100, core.limits.openStreamsMax);
}

/** A harmless oddity. False: one too many, the connection is gone. */
export function glitch(core: Core, what: string): boolean {
  if (!core.glitches.take(core.nowNs)) {
    failConnection(core, ErrorCode.ENHANCE_YOUR_CALM, `too many oddities, last: ${what}`);
    return false;
  }
  if (core.glitches.left < core.limits.glitchBurst / 4 && core.isServer && core.goAwaySentId < 0) {
    writeGoAway(core, MAX_31_BIT, ErrorCode.NO_ERROR, '');
  }
  return true;
}

export function writeReset(core: Core, streamId: number, code: number): void {
  const output = core.output;
  output.reserve(13);
  output.frame(4, FrameType.RST_STREAM, 0, streamId);
  output.uint32(code);
  core.urgent = true;
}

/** RFC 9113 §6.8. `text` goes into the debug data, at most 200 octets. */
export function writeGoAway(core: Core, lastId: number, code: number, text: string): void {
  const debug = Buffer.from(text.slice(0, 200), 'latin1');
  const output = core.output;
  output.reserve(17 + debug.length);
  output.frame(8 + debug.length, FrameType.GOAWAY, 0, 0);
  output.uint32(core.goAwaySentId < 0 ? lastId : Math.min(lastId, core.goAwaySentId));
  output.uint32(code);
  output.octets(debug, 0, debug.length);
  core.goAwaySentId = core.goAwaySentId < 0 ? lastId : Math.min(lastId, core.goAwaySentId);
  core.urgent = true;
}

/** ACKs and resets that a peer makes us queue, while it does not read them. */
export function countControlFrame(core: Core): void {
  core.queuedControlFrames += 1;
  if (core.queuedControlFrames > core.limits.queuedControlFramesMax) {
    failConnection(core, ErrorCode.ENHANCE_YOUR_CALM, 'too many unread control frames');
  }
}

/** Octets that need no consumer: padding, and DATA of ended streams. */
export function creditConnection(core: Core, byteCount: number): void {
  core.credit += byteCount;
  if (core.closed || core.credit * 2 < core.limits.connectionWindowBytes) return;
  writeWindowUpdate(core, 0, core.credit);
  core.recvWindow += core.credit;
  core.credit = 0;
  if (core.recvWindow * 4 < core.limits.connectionWindowBytes * 3) core.urgent = true;
}

/** The same for one stream. */
export function creditStream(core: Core, stream: Stream, byteCount: number): void {
  if (!stream.remoteOpen) return;
  stream.credit += byteCount;
  if (core.closed) return;
  if (stream.credit * 2 < (stream.wide ? core.limits.streamWindowBytes : core.firstWindowBytes)) return;
  if (!stream.wide) stream.narrow = !core.isServer;
  // The peer has at most half its window left, less what it sent meanwhile: it may be waiting for this.
  core.urgent = true;
  writeWindowUpdate(core, stream.id, stream.credit);
  stream.recvWindow += stream.credit;
  stream.credit = 0;
}

/** From the first window to the whole one. */
export function widenStream(core: Core, stream: Stream): void {
  if (core.closed || stream.wide || !stream.remoteOpen) return;
  stream.wide = true;
  stream.narrow = false;
  const increment = core.limits.streamWindowBytes - core.firstWindowBytes + stream.credit;
  if (increment === 0) return;
  core.urgent = true;
  writeWindowUpdate(core, stream.id, increment);
  stream.recvWindow += increment;
  stream.credit = 0;
}

function writeWindowUpdate(core: Core, streamId: number, increment: number): void {
  const output = core.output;
  output.reserve(13);
  output.frame(4, FrameType.WINDOW_UPDATE, 0, streamId);
  output.uint32(increment);
}

function dropQueue(core: Core, stream: Stream): void {
  if (stream.queuedBytes > 0) core.queuedStreams -= 1;
  stream.queue = null;
  stream.queuedBytes = 0;
  stream.trailersQueued = null;
  stream.endQueued = false;
}
