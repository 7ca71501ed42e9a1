/**
 * One HTTP/2 connection, either role, sans-IO (RFC 9113): octets in, octets out, time passed in. The machine's side is
 * `Link` and `LinkEvents`; the driver's side is handleBytes, takeOutput and the timeout.
 */
import { writePing, writeSettings } from './control.ts';
import {
  type ConnectionRole,
  Core,
  capacityOf,
  closeStream,
  creditConnection,
  creditStream,
  endConnection,
  failConnection,
  initialRecvWindow,
  widenStream,
  settle,
  writeGoAway,
  writeReset,
} from './core.ts';
import { Ended } from './ended-streams.ts';
import { FrameReader } from './frame-reader.ts';
import { type HeaderBlock, formatGrpcTimeout } from './headers.ts';
import type { WireLimits } from './limits.ts';
import type { Link, LinkEvents, LinkStream } from './link.ts';
import { recycleOutput } from './output.ts';
import { CLIENT_PREFACE, DEFAULT_WINDOW_BYTES, ErrorCode, MAX_31_BIT } from './protocol.ts';
import { pumpLine, sendBlock, sendBody, sendEnd } from './send.ts';
import { MOVED, Stream, StreamState } from './stream.ts';
import { handleTimeouts, nextTimeout } from './timeouts.ts';

export type { ConnectionRole } from './core.ts';

export class Connection implements Link {
  readonly #core: Core;
  readonly #reader: FrameReader;

  /** A client's preface and SETTINGS are in the output at once; a server's SETTINGS follow the client's preface. */
  constructor(role: ConnectionRole, events: LinkEvents, limits: Partial<WireLimits> = {}) {
    this.#core = new Core(role, events, limits);
    this.#reader = new FrameReader(this.#core);
    if (role === 'server') return;
    const { output } = this.#core;
    output.reserve(CLIENT_PREFACE.length);
    output.octets(CLIENT_PREFACE, 0, CLIENT_PREFACE.length);
    writeSettings(this.#core);
  }

  /** What this connection is held to. */
  get limits(): WireLimits {
    return this.#core.limits;
  }

  get role(): ConnectionRole {
    return this.#core.role;
  }

  /** The driver's monotonic clock in nanoseconds; set it before every other call of a turn. */
  get nowNs(): number {
    return this.#core.nowNs;
  }
  set nowNs(value: number) {
    this.#core.nowNs = value;
  }

  // The driver's side.

  /** Octets from the peer. Never throws for what they are; a connection error leaves a GOAWAY in the output. */
  handleBytes(chunk: Uint8Array): void {
    this.#core.liveness.hear(this.#core.nowNs);
    this.#reader.read(chunk);
  }

  /** The same for a chunk given away: connections that borrow may write in it, and hold parts of it until they are taken. */
  handleLentBytes(chunk: Uint8Array): void {
    const core = this.#core;
    core.lends = true;
    this.handleBytes(chunk);
    core.lends = false;
  }

  /** True: octets of lent chunks are passed on without a copy; the driver takes them by `takeChunks`, before their lender reads again. */
  set borrows(value: boolean) {
    this.#core.borrows = value;
  }

  /** There are octets on loan in the output. */
  get holdsLoans(): boolean {
    return this.#core.output.lentBytes > 0;
  }

  /** The peer's side of the socket ended, or it failed: `onReset` (CONNECTION_LOST) for each open stream, then `onClose`. */
  handleEof(reason = 'connection ended by the peer'): void {
    const core = this.#core;
    this.#reader.drop();
    if (core.closed) return;
    endConnection(core, reason);
  }

  /** There is something to write. */
  get hasOutput(): boolean {
    return this.#core.output.bytes > 0;
  }

  /** False while the output is only ACKs and window updates, which may ride along with later octets or wait some milliseconds. */
  get hasUrgentOutput(): boolean {
    return this.#core.output.bytes > 0 && (this.#core.urgent || this.#core.wantsClose);
  }

  /** Octets waiting to be taken, for watermarks. */
  get outputBytes(): number {
    return this.#core.output.bytes;
  }

  /**
   * All octets to write now; they are the caller's until `recycle`. May leave new output behind (queued bodies that now
   * have room): look at `hasOutput` again when these are written.
   */
  takeOutput(): Uint8Array {
    settle(this.#core);
    const taken = this.#core.output.take();
    this.#taken();
    return taken;
  }

  /** The same in pieces, added to `chunks`. Returns what to recycle. */
  takeChunks(chunks: Uint8Array[]): Uint8Array {
    settle(this.#core);
    const own = this.#core.output.takeChunks(chunks);
    this.#taken();
    return own;
  }

  #taken(): void {
    const core = this.#core;
    core.takes += 1;
    core.urgent = false;
    core.queuedControlFrames = 0;
    if (core.outputRoomBytes < core.limits.outputBytesMax) core.outputRoomBytes *= 2;
    if (core.line.length > 0) pumpLine(core);
    if (core.starved) {
      core.dues = true;
      settle(core);
    }
  }

  /** Gives a taken buffer back once it is written; optional. */
  recycle(taken: Uint8Array): void {
    recycleOutput(taken);
  }

  /** After the output is written the driver should end the socket. */
  get wantsClose(): boolean {
    return this.#core.wantsClose;
  }

  /** Nothing more is read and no event follows. */
  get closing(): boolean {
    return this.#core.closed;
  }

  /** When `handleTimeout` should be called, on the driver's clock; Infinity: not at all. */
  get nextTimeoutNs(): number {
    return nextTimeout(this.#core, this.#reader);
  }

  /** Looks at every timer; `nowNs` was set before. */
  handleTimeout(): void {
    handleTimeouts(this.#core, this.#reader);
    settle(this.#core);
  }

  /** Streams that are not over. */
  get streamsOpen(): number {
    return this.#core.streams.count;
  }

  /** Octets under way: unread input, unsent output, queued bodies. For tests and statistics. */
  get heldBytes(): number {
    const core = this.#core;
    let held = core.output.bytes + this.#reader.heldBytes + (core.blockOctets?.length ?? 0);
    for (const stream of core.streams.all()) held += stream.queuedBytes;
    return held;
  }

  /** The same with the block memory. */
  get bufferedBytes(): number {
    return this.heldBytes + this.#core.memo.bytes;
  }

  /** What the peer sent of the connection's receive window and did not get back, announced or not. For tests and statistics. */
  get windowTakenBytes(): number {
    const core = this.#core;
    if (core.closed) return 0;
    const whole = core.settingsWritten
      ? Math.max(core.limits.connectionWindowBytes, DEFAULT_WINDOW_BYTES)
      : DEFAULT_WINDOW_BYTES;
    return whole - core.recvWindow - core.credit;
  }

  /** Streams that were ended for what the peer did, and the connection where that was. For statistics. */
  get peerErrors(): number {
    return this.#core.peerErrors;
  }

  /** How large our HPACK encoder's table may get. For tests and statistics. */
  get encoderTableBytes(): number {
    return this.#core.encoder.table.maxSize;
  }

  /** The peer announced that it takes no more streams. */
  get peerGoingAway(): boolean {
    return this.#core.goAwayReceivedId >= 0;
  }

  /** Sends a PING; `onPingAck` follows. */
  ping(): void {
    if (!this.#core.closed) writePing(this.#core);
  }

  /** Called with the clock when a PING is answered. */
  set onPingAck(listener: ((nowNs: number) => void) | null) {
    this.#core.onPingAck = listener;
  }

  // The machine's side: `Link`.

  get pingedTooOften(): boolean {
    return this.#core.liveness.pingedTooOften;
  }

  slowPings(times: number): void {
    this.#core.liveness.pingSlowness = times;
  }

  get streamCapacity(): number {
    const capacity = capacityOf(this.#core);
    if (capacity === 0) this.#core.starved = true; // Whoever was told so hears of it when there is room again.
    return capacity;
  }

  openStream(
    user: unknown,
    request: HeaderBlock,
    timeoutNs: number,
    previousAttempts: number,
    endStream: boolean,
  ): LinkStream {
    const core = this.#core;
    const stream = new Stream(core.nextId, user, initialRecvWindow(core));
    if (capacityOf(core) === 0) {
      stream.state = StreamState.CLOSED; // Against the contract, or the connection ended in this very turn.
      return stream;
    }
    core.nextId += 2;
    core.streamsBegun += 1;
    stream.head = request.method === 'HEAD';
    stream.openedAtTake = core.takes;
    core.streams.add(stream);
    if (capacityOf(core) === 0) {
      core.starved = true;
      core.dues = true;
    }
    sendBlock(
      core,
      stream,
      request,
      endStream,
      timeoutNs < 0 ? '' : formatGrpcTimeout(timeoutNs),
      previousAttempts,
    );
    return stream;
  }

  sendHeaders(stream: LinkStream, block: HeaderBlock, endStream: boolean): void {
    const own = stream as Stream;
    if (!own.localOpen || own.headSent) return;
    own.headSent = block.status >= 200;
    own.idleTicks = MOVED;
    sendBlock(this.#core, own, block, endStream, null, 0);
  }

  sendData(stream: LinkStream, bytes: Uint8Array, endStream: boolean): void {
    const own = stream as Stream;
    if (!own.localOpen || own.endQueued) return;
    sendBody(this.#core, own, bytes, endStream);
  }

  sendTrailers(stream: LinkStream, block: HeaderBlock): void {
    const own = stream as Stream;
    if (!own.localOpen || own.endQueued) return;
    sendEnd(this.#core, own, block);
  }

  resetStream(stream: LinkStream, code: number): void {
    const own = stream as Stream;
    if (own.state === StreamState.CLOSED) return;
    closeStream(this.#core, own, Ended.BY_OUR_WISH);
    writeReset(this.#core, own.id, code);
  }

  consume(stream: LinkStream, byteCount: number): void {
    const own = stream as Stream;
    const core = this.#core;
    const count = Math.min(byteCount, own.unconsumed);
    if (!(count > 0)) return;
    own.unconsumed -= count;
    if (own.unconsumed === 0 && own.tinySpent > 0) {
      core.tinyBudget = Math.min(core.limits.tinyDataBudgetBytes, core.tinyBudget + own.tinySpent);
      own.tinySpent = 0;
    }
    creditStream(core, own, count);
    creditConnection(core, count);
  }

  widen(stream: LinkStream): void {
    widenStream(this.#core, stream as Stream);
  }

  get peerReads(): boolean {
    const core = this.#core;
    return core.output.bytes * 8 <= core.outputRoomBytes;
  }

  goAway(code: number, final: boolean): void {
    const core = this.#core;
    if (core.closed || core.goAwayFinal) return;
    // SETTINGS are a server's first frame, also where nothing has come yet (RFC 9113 §3.4).
    writeSettings(core);
    writeGoAway(core, final ? core.lastPeerId : MAX_31_BIT, code, '');
    if (final) core.goAwayFinal = true;
    core.dues = true;
  }

  /** No event follows, `onClose` included: the machine asked for it. */
  close(): void {
    const core = this.#core;
    if (core.closed) return;
    if (core.goAwaySentId < 0) {
      writeSettings(core);
      writeGoAway(core, core.lastPeerId, ErrorCode.NO_ERROR, '');
    }
    core.closed = true;
    core.wantsClose = true;
    core.line = [];
    core.held = [];
    core.blockOctets = null;
    for (const stream of core.streams.all()) {
      core.streams.remove(stream);
      stream.state = StreamState.CLOSED;
    }
    this.#reader.drop();
  }

  /** Ends the connection for a reason of the driver's own (a limit, a time-out): a GOAWAY with `code`, events as for an error. */
  fail(code: number, reason: string): void {
    failConnection(this.#core, code, reason);
  }
}
