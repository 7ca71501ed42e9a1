/** Budgets for frames that are legal each, and an attack in numbers: DATA that carries next to nothing, keepalive PINGs. */
import { type Core, failConnection } from './core.ts';
import { ErrorCode, TOO_MANY_PINGS } from './protocol.ts';
import type { Stream } from './stream.ts';

/**
 * Every DATA frame before END_STREAM. Flow control counts octets, not frames, so frames below the five octets of a gRPC
 * message's prefix spend a budget until they are consumed; empty ones spend it for good. Anything an honest gRPC peer
 * sends while it is held back is larger: those frames are stopped by the window, and cost only their octets here,
 * because queues put small chunks together. False: the connection is gone.
 */
export function chargeData(
  core: Core,
  stream: Stream,
  length: number,
  flow: number,
  endStream: boolean,
): boolean {
  if (endStream) return true;
  if (flow === 0) {
    stream.emptyInRow += 1;
    if (stream.emptyInRow > core.limits.emptyFramesInRow || !core.emptyFrames.take(core.nowNs)) {
      failConnection(core, ErrorCode.ENHANCE_YOUR_CALM, 'too many empty DATA frames');
      return false;
    }
  } else {
    stream.emptyInRow = 0;
  }
  if (length >= TINY_BYTES) {
    if (length > OVERHEAD_BYTES && core.tinyBudget < core.limits.tinyDataBudgetBytes) {
      core.tinyBudget = Math.min(core.limits.tinyDataBudgetBytes, core.tinyBudget + length - OVERHEAD_BYTES);
    }
    return true;
  }
  const spent = OVERHEAD_BYTES - length;
  core.tinyBudget -= spent;
  if (length > 0) stream.tinySpent += spent;
  if (core.tinyBudget >= 0) return true;
  failConnection(core, ErrorCode.ENHANCE_YOUR_CALM, 'too many tiny DATA frames');
  return false;
}

/**
 * Keepalive PINGs of a gRPC client (gRFC A8): one that comes too soon after the last is a strike, unless we sent something
 * in between. Plain HTTP/2 has no such rule. False: the connection is gone.
 */
export function chargePing(core: Core): boolean {
  if (!core.isServer || !core.grpcSeen) return true;
  const sent = core.streamsBegun + core.dataFramesSent;
  const tooSoon = core.nowNs - core.lastPingNs < core.limits.pingIntervalMs * 1e6;
  if (sent !== core.sentAtPing || !tooSoon) {
    if (sent !== core.sentAtPing) core.pingStrikes = 0;
    core.sentAtPing = sent;
    core.lastPingNs = core.nowNs;
    return true;
  }
  core.lastPingNs = core.nowNs;
  core.pingStrikes += 1;
  if (core.pingStrikes <= core.limits.pingStrikesMax) return true;
  failConnection(core, ErrorCode.ENHANCE_YOUR_CALM, TOO_MANY_PINGS);
  return false;
}

/** Less than a gRPC message's prefix. */
const TINY_BYTES = 5;
/** What a frame costs beside its octets. */
const OVERHEAD_BYTES = 256;
