/** Every bound of the wire engine in one table, with its default. Times are in milliseconds. */

export interface WireLimits {
  /** Streams the peer may have open (server role); enforced from the first octet. */
  readonly concurrentStreamsMax: number;
  /** Streams we open at most at once whatever the peer allows (client role). */
  readonly openStreamsMax: number;
  /** Decoded header list: sum of name + value + 32 (RFC 9113 §6.5.2). Above: stream error; above 4 times: connection error. */
  readonly headerListBytesMax: number;
  /** Fields of one block, cookie crumbs and trailers included. */
  readonly headerFieldsMax: number;
  readonly continuationsMax: number;
  /** Resets received, and resets the peer provokes from us, draw from one bucket. */
  readonly resetBurst: number;
  readonly resetsPerSecond: number;
  /** Harmless oddities: PRIORITY, unknown frames, shrinking windows, frames on closed streams. */
  readonly glitchBurst: number;
  readonly glitchesPerSecond: number;
  /** Empty, unfinished frames: in a row on one stream, and per second on the connection. */
  readonly emptyFramesInRow: number;
  readonly emptyFramesPerSecond: number;
  /** Budget for the overhead (256 octets each) of unread DATA frames under 5 octets; refilled by those above 256 and by consumed ones. */
  readonly tinyDataBudgetBytes: number;
  readonly settingsEntriesMax: number;
  /** ACKs and resets waiting in the output. */
  readonly queuedControlFramesMax: number;
  /** Output above this holds body octets back in their streams' queues. */
  readonly outputBytesMax: number;
  /** WINDOW_UPDATE frames allowed: base + 2 × (streams + 10 × DATA frames sent). */
  readonly windowUpdatesBase: number;
  /** Octets of 1xx header lists on one stream (client role). */
  readonly informationalBytesMax: number;
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
  /** HPACK decoder table, announced as SETTINGS_HEADER_TABLE_SIZE. */
  readonly decoderTableBytes: number;
  /** HPACK encoder table at most, whatever the peer allows. */
  readonly encoderTableBytes: number;
  /** DATA below this size waits for a wider window; this many exceptions, refilled by one per 100 ms. */
  readonly dribbleBytes: number;
  readonly dribbleBurst: number;
  readonly prefaceTimeoutMs: number;
  readonly settingsTimeoutMs: number;
  readonly settingsAckTimeoutMs: number;
  readonly headerBlockTimeoutMs: number;
  /** A stream whose queued octets cannot leave for so long is reset. */
  readonly windowShutTimeoutMs: number;
  /** A stream on which nothing moves for so long, either way, is reset (server role); found up to a quarter later. */
  readonly streamIdleTimeoutMs: number;
  /** A connection without a stream for so long is closed (server role); found up to a quarter of the stream's time later. */
  readonly connectionIdleTimeoutMs: number;
  /** PINGs of a gRPC client closer together than this, with nothing sent in between, are strikes (gRFC A8; server role). */
  readonly pingIntervalMs: number;
  readonly pingStrikesMax: number;
  /** Ids at or above this begin a graceful GOAWAY. */
  readonly streamIdMax: number;
}

export const DEFAULT_WIRE_LIMITS: WireLimits = {
  concurrentStreamsMax: 100,
  openStreamsMax: 1_000,
  headerListBytesMax: 65_536,
  headerFieldsMax: 100,
  continuationsMax: 8,
  resetBurst: 1_000,
  resetsPerSecond: 33,
  glitchBurst: 1_000,
  glitchesPerSecond: 100,
  emptyFramesInRow: 1,
  emptyFramesPerSecond: 10,
  tinyDataBudgetBytes: 25_600,
  settingsEntriesMax: 32,
  queuedControlFramesMax: 1_000,
  outputBytesMax: 1_048_576,
  windowUpdatesBase: 5,
  informationalBytesMax: 65_536,
  streamWindowBytes: 65_536,
  connectionWindowBytes: 1_048_576,
  decoderTableBytes: 4_096,
  encoderTableBytes: 4_096,
  dribbleBytes: 1_024,
  dribbleBurst: 64,
  prefaceTimeoutMs: 10_000,
  settingsTimeoutMs: 5_000,
  settingsAckTimeoutMs: 10_000,
  headerBlockTimeoutMs: 5_000,
  windowShutTimeoutMs: 300_000,
  streamIdleTimeoutMs: 300_000,
  connectionIdleTimeoutMs: 900_000,
  pingIntervalMs: 300_000,
  pingStrikesMax: 2,
  streamIdMax: 1_073_741_824,
};

/**
 * What differs where we are the client: one connection carries the calls of many callers, so a caller that does not read
 * may hold what its own streams' windows let in, but must not shut the connection's window for its neighbours.
 */
export const CLIENT_WIRE_LIMITS: WireLimits = { ...DEFAULT_WIRE_LIMITS, connectionWindowBytes: 16_777_216 };
