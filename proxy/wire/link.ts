/**
 * What one HTTP/2 connection looks like to the machine, whatever carries it: the byte engine of this folder on a
 * real socket, or the virtual world's stream-level network. The machine calls `Link`; the carrier calls `LinkEvents`.
 */
import type { HeaderBlock } from './headers.ts';

/** The `code` of `onReset` for streams that were open when the connection itself ended. */
export const CONNECTION_LOST = -1;

/** One stream of a link. The carrier owns it; the machine hangs its own record on `user`. */
export interface LinkStream {
  readonly id: number;
  /** The machine's record for this stream (a call downstream; an attempt or a probe upstream). */
  user: unknown;
  /** Body octets accepted by `sendData` that flow control has not let out yet. */
  readonly queuedBytes: number;
  /** The response goes on beyond its first window; `widen` helps. */
  readonly narrow: boolean;
}

/** Commands from the machine. None of them throws for what a peer did; a command on an ended stream does nothing. */
export interface Link {
  /** Streams that may be opened now: the peer's MAX_CONCURRENT_STREAMS less those open; 0 after GOAWAY. Client role. */
  readonly streamCapacity: number;
  /**
   * Opens a stream and sends the request headers. Client role; call only while `streamCapacity > 0`.
   * `timeoutNs` replaces the block's grpc-timeout (-1: send none). `previousAttempts` > 0 adds
   * grpc-previous-rpc-attempts (gRFC A6).
   */
  openStream(
    user: unknown,
    request: HeaderBlock,
    timeoutNs: number,
    previousAttempts: number,
    endStream: boolean,
  ): LinkStream;
  /** Response headers. Server role. */
  sendHeaders(stream: LinkStream, block: HeaderBlock, endStream: boolean): void;
  /** Body octets; copied before the call returns unless they leave at once. */
  sendData(stream: LinkStream, bytes: Uint8Array, endStream: boolean): void;
  /** Trailers; they end the stream's sending side. */
  sendTrailers(stream: LinkStream, block: HeaderBlock): void;
  /** RST_STREAM with an RFC 9113 §7 error code. No event follows for this stream. */
  resetStream(stream: LinkStream, code: number): void;
  /** Gives receive-window credit back for body octets that were passed on. */
  consume(stream: LinkStream, byteCount: number): void;
  /** Opens the stream's receive window from the first one to the whole one: its caller reads. Client role. */
  widen(stream: LinkStream): void;
  /** The peer takes what is sent: little waits to be written. */
  readonly peerReads: boolean;
  /** The peer ended the connection since our keepalive PINGs came too often for it (gRFC A8, `too_many_pings`). */
  readonly pingedTooOften: boolean;
  /** Makes keepalive PINGs so many times rarer than configured. */
  slowPings(times: number): void;
  /** First or second step of a graceful GOAWAY (RFC 9113 §6.8). `final` names the real last stream id. */
  goAway(code: number, final: boolean): void;
  /** Ends the connection now; open streams get no event. */
  close(): void;
}

/** Events into the machine. `bytes` are only valid during the call. */
export interface LinkEvents {
  /** A request's headers (server role) or a final response's headers (client role); 1xx never comes here. */
  onHeaders(stream: LinkStream, block: HeaderBlock, endStream: boolean): void;
  onData(stream: LinkStream, bytes: Uint8Array, endStream: boolean): void;
  onTrailers(stream: LinkStream, block: HeaderBlock): void;
  /**
   * The stream ended abnormally. `unprocessed`: the peer cannot have acted on it (REFUSED_STREAM, id above GOAWAY's).
   * `code` is the peer's, or CONNECTION_LOST when the whole connection went.
   */
  onReset(stream: LinkStream, code: number, unprocessed: boolean): void;
  /** `queuedBytes` of the stream fell to zero after having been above it. */
  onDrained(stream: LinkStream): void;
  /** `streamCapacity` rose, or fell to zero for good (GOAWAY: then `goingAway` is true). */
  onCapacity(goingAway: boolean): void;
  /** The connection is gone; `onReset` came before for each open stream. `reason` is for people. */
  onClose(reason: string): void;
}
