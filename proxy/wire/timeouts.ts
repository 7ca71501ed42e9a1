/** What a connection does as time passes: limits on the preface, SETTINGS, header blocks and shut windows, and idleness. */
import { type Core, failConnection, failStream } from './core.ts';
import type { FrameReader } from './frame-reader.ts';
import { ageDue, grow, keepAlive, keepaliveDue } from './keepalive.ts';
import { ErrorCode } from './protocol.ts';
import { pumpAll } from './send.ts';

/** The earliest time at which `handleTimeouts` has something to do. */
export function nextTimeout(core: Core, reader: FrameReader): number {
  if (core.closed) return Infinity;
  let next = Math.min(core.blockDeadlineNs, core.heldUntilNs, keepaliveDue(core), ageDue(core));
  if (!core.settingsAcked || !core.settingsReceived) next = Math.min(next, openingDeadline(core, reader));
  if (core.isServer) {
    if (core.idleCheckNs === Infinity) core.idleCheckNs = core.nowNs + idleTickNs(core);
    next = Math.min(next, core.idleCheckNs);
  }
  return core.queuedStreams > 0 ? Math.min(next, core.shutCheckNs) : next;
}

export function handleTimeouts(core: Core, reader: FrameReader): void {
  if (core.closed) return;
  const now = core.nowNs;
  if (now >= core.blockDeadlineNs) {
    return failConnection(core, ErrorCode.ENHANCE_YOUR_CALM, 'header block did not end in time');
  }
  if ((!core.settingsAcked || !core.settingsReceived) && now >= openingDeadline(core, reader)) {
    const code = reader.prefaceDone ? ErrorCode.SETTINGS_TIMEOUT : ErrorCode.PROTOCOL_ERROR;
    return failConnection(core, code, 'preface, SETTINGS or their ACK did not come in time');
  }
  if (now >= keepaliveDue(core)) keepAlive(core);
  if (core.closed) return;
  if (now >= ageDue(core)) grow(core);
  if (core.closed) return;
  if (now >= core.heldUntilNs) pumpAll(core);
  if (core.queuedStreams > 0 && now >= core.shutCheckNs) resetShutStreams(core);
  if (now >= core.idleCheckNs) endIdle(core);
}

/** Streams are looked at only this often, so that a frame costs one mark and no clock. */
function idleTickNs(core: Core): number {
  return (Math.min(core.limits.streamIdleTimeoutMs, core.limits.connectionIdleTimeoutMs) / IDLE_TICKS) * 1e6;
}

/** Streams on which nothing moves hold a slot, connections without streams hold a socket: for some time only. */
function endIdle(core: Core): void {
  const tickNs = idleTickNs(core);
  core.idleCheckNs = core.nowNs + tickNs;
  for (const stream of core.streams.all()) {
    if (core.closed) return;
    stream.idleTicks += 1;
    if (stream.idleTicks * tickNs >= core.limits.streamIdleTimeoutMs * 1e6)
      failStream(core, stream, ErrorCode.CANCEL);
  }
  if (core.closed) return;
  core.idleTicks =
    core.streams.count > 0 || core.idleStreamsBegun !== core.streamsBegun ? 0 : core.idleTicks + 1;
  core.idleStreamsBegun = core.streamsBegun;
  if (core.idleTicks * tickNs >= core.limits.connectionIdleTimeoutMs * 1e6) {
    failConnection(core, ErrorCode.NO_ERROR, 'idle');
  }
}

/** Preface, then SETTINGS, then the ACK of ours: each has its time from the connection's beginning. */
function openingDeadline(core: Core, reader: FrameReader): number {
  if (core.openedNs < 0) core.openedNs = core.nowNs;
  const { limits } = core;
  if (!reader.prefaceDone) return core.openedNs + limits.prefaceTimeoutMs * 1e6;
  if (!core.settingsReceived)
    return (
      core.openedNs + (core.isServer ? limits.prefaceTimeoutMs : 0) * 1e6 + limits.settingsTimeoutMs * 1e6
    );
  return (
    core.openedNs +
    (limits.settingsTimeoutMs + limits.settingsAckTimeoutMs + (core.isServer ? limits.prefaceTimeoutMs : 0)) *
      1e6
  );
}

/** A peer that keeps its window shut holds memory here: its streams end (the attack of slow readers). */
function resetShutStreams(core: Core): void {
  const patience = core.limits.windowShutTimeoutMs * 1e6;
  let next = Infinity;
  for (const stream of core.streams.all()) {
    if (stream.queuedBytes === 0 || core.closed) continue;
    if (core.nowNs - stream.progressNs >= patience) failStream(core, stream, ErrorCode.CANCEL);
    else next = Math.min(next, stream.progressNs + patience);
  }
  core.shutCheckNs = next;
}

const IDLE_TICKS = 4;
