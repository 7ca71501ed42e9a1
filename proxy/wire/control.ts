/** Frames that concern the connection: SETTINGS, PING, GOAWAY, WINDOW_UPDATE (RFC 9113 §6.5, §6.7 to §6.9). */
import { chargePing } from './budgets.ts';
import {
  type Core,
  capacityOf,
  closeStream,
  countControlFrame,
  failConnection,
  failStream,
  glitch,
} from './core.ts';
import { Ended } from './ended-streams.ts';
import {
  DEFAULT_TABLE_BYTES,
  DEFAULT_WINDOW_BYTES,
  ErrorCode,
  FRAME_HEADER_BYTES,
  Flag,
  FrameType,
  MAX_31_BIT,
  Setting,
  TOO_MANY_PINGS,
} from './protocol.ts';
import { faultOn, isIdle } from './receive.ts';
import { pump, pumpAll, pumpLine, releaseHeld } from './send.ts';

export function handleSettings(
  core: Core,
  flags: number,
  id: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  const length = end - start;
  if (id !== 0) return failConnection(core, ErrorCode.PROTOCOL_ERROR, 'SETTINGS on a stream');
  if ((flags & Flag.ACK) !== 0) {
    if (length !== 0) return failConnection(core, ErrorCode.FRAME_SIZE_ERROR, 'SETTINGS ACK with a payload');
    if (!core.settingsAcked) core.decoder.handleSettingsAck();
    else glitch(core, 'SETTINGS ACK that nobody waits for');
    core.settingsAcked = true;
    return;
  }
  if (length % 6 !== 0) return failConnection(core, ErrorCode.FRAME_SIZE_ERROR, 'SETTINGS of a wrong size');
  if (length > core.limits.settingsEntriesMax * 6) {
    return failConnection(core, ErrorCode.ENHANCE_YOUR_CALM, 'too many settings in one frame');
  }
  // The first SETTINGS are announced even if they allow no more than what was assumed: who waits for them learns it so.
  const capacity = core.settingsReceived ? capacityOf(core) : 0;
  const window = core.peerInitialWindow;
  core.settingsReceived = true;
  for (let at = start; at < end && !core.closed; at += 6) {
    applySetting(core, ((source[at] as number) << 8) | (source[at + 1] as number), uint32(source, at + 2));
  }
  if (core.closed) return;
  const output = core.output;
  output.reserve(FRAME_HEADER_BYTES);
  output.frame(0, FrameType.SETTINGS, Flag.ACK, 0);
  countControlFrame(core);
  if (core.closed) return;
  if (core.peerInitialWindow > window) pumpAll(core);
  else if (core.peerInitialWindow < window) glitch(core, 'smaller window');
  announceCapacity(core, capacity);
}

function announceCapacity(core: Core, before: number): void {
  if (core.isServer || core.closed) return;
  const now = capacityOf(core);
  if (now === 0) core.starved = true;
  if (now <= before) return;
  core.starved = false;
  core.events.onCapacity(false);
}

function applySetting(core: Core, setting: number, value: number): void {
  switch (setting) {
    case Setting.HEADER_TABLE_SIZE:
      core.encoder.setPeerTableSize(value);
      return;
    case Setting.ENABLE_PUSH:
      if (value > 1 || (value === 1 && !core.isServer)) {
        failConnection(core, ErrorCode.PROTOCOL_ERROR, 'ENABLE_PUSH has a value that is not allowed');
      }
      return;
    case Setting.MAX_CONCURRENT_STREAMS:
      core.peerStreamsMax = value;
      return;
    case Setting.INITIAL_WINDOW_SIZE:
      applyInitialWindow(core, value);
      return;
    case Setting.MAX_FRAME_SIZE:
      if (value < 16_384 || value > 16_777_215) {
        failConnection(core, ErrorCode.PROTOCOL_ERROR, 'MAX_FRAME_SIZE outside its range');
      } else {
        core.peerFrameBytes = value;
      }
      return;
    default: // MAX_HEADER_LIST_SIZE is advice; the rest must be ignored (RFC 9113 §6.5.2).
  }
}

/** Open streams follow by themselves: their windows are kept as differences from this one. */
function applyInitialWindow(core: Core, value: number): void {
  if (value > MAX_31_BIT) {
    return failConnection(core, ErrorCode.FLOW_CONTROL_ERROR, 'INITIAL_WINDOW_SIZE above 2^31-1');
  }
  if (core.sendDeltaMax > 0 && value + core.sendDeltaMax > MAX_31_BIT) {
    core.sendDeltaMax = 0;
    for (const stream of core.streams.all())
      core.sendDeltaMax = Math.max(core.sendDeltaMax, stream.sendDelta);
    if (value + core.sendDeltaMax > MAX_31_BIT) {
      return failConnection(
        core,
        ErrorCode.FLOW_CONTROL_ERROR,
        'INITIAL_WINDOW_SIZE overflows a stream window',
      );
    }
  }
  core.peerInitialWindow = value;
}

export function handlePing(
  core: Core,
  flags: number,
  id: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  if (id !== 0) return failConnection(core, ErrorCode.PROTOCOL_ERROR, 'PING on a stream');
  if (end - start !== 8) return failConnection(core, ErrorCode.FRAME_SIZE_ERROR, 'PING of a wrong size');
  if ((flags & Flag.ACK) !== 0) {
    if (core.pingsOut === 0) glitch(core, 'PING ACK that nobody waits for');
    else {
      core.pingsOut -= 1;
      core.onPingAck?.(core.nowNs);
    }
    return;
  }
  if (!chargePing(core)) return;
  const output = core.output;
  output.reserve(FRAME_HEADER_BYTES + 8);
  output.frame(8, FrameType.PING, Flag.ACK, 0);
  output.octets(source, start, end);
  countControlFrame(core);
}

export function writePing(core: Core): void {
  core.output.reserve(FRAME_HEADER_BYTES + 8);
  core.output.frame(8, FrameType.PING, 0, 0);
  core.output.uint32(0);
  core.output.uint32(++core.pingsOut);
  core.urgent = true;
}

export function handleGoAway(core: Core, id: number, source: Uint8Array, start: number, end: number): void {
  if (id !== 0) return failConnection(core, ErrorCode.PROTOCOL_ERROR, 'GOAWAY on a stream');
  if (end - start < 8) return failConnection(core, ErrorCode.FRAME_SIZE_ERROR, 'GOAWAY of a wrong size');
  const lastId = uint32(source, start) & MAX_31_BIT;
  if (core.goAwayReceivedId >= 0) {
    if (lastId > core.goAwayReceivedId) {
      return failConnection(
        core,
        ErrorCode.PROTOCOL_ERROR,
        'GOAWAY with a higher last stream id than before',
      );
    }
    if (!glitch(core, 'GOAWAY again')) return;
  }
  const first = core.goAwayReceivedId < 0;
  core.goAwayReceivedId = lastId;
  core.goAwayReceivedCode = uint32(source, start + 4);
  if (core.goAwayReceivedCode === ErrorCode.ENHANCE_YOUR_CALM)
    core.liveness.pingedTooOften =
      Buffer.from(source.subarray(start + 8, end)).toString('latin1') === TOO_MANY_PINGS;
  core.dues = true;
  if (core.isServer) return;
  for (const stream of core.streams.all()) {
    if (stream.id <= lastId || core.closed) continue;
    closeStream(core, stream, Ended.BY_PEER_RESET);
    core.events.onReset(stream, ErrorCode.REFUSED_STREAM, true);
  }
  if (first && !core.closed) core.events.onCapacity(true);
}

export function handleWindowUpdate(
  core: Core,
  id: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  if (end - start !== 4)
    return failConnection(core, ErrorCode.FRAME_SIZE_ERROR, 'WINDOW_UPDATE of a wrong size');
  const increment = uint32(source, start) & MAX_31_BIT;
  core.windowUpdates += 1;
  const allowed = core.limits.windowUpdatesBase + 2 * (core.streamsBegun + 10 * core.dataFramesSent);
  if (core.windowUpdates > allowed) {
    return failConnection(core, ErrorCode.ENHANCE_YOUR_CALM, 'too many WINDOW_UPDATE frames');
  }
  if (id === 0) return widenConnection(core, increment);
  if (isIdle(core, id))
    return failConnection(core, ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE on an idle stream');
  if (increment === 0) return faultOn(core, id, ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE of 0');
  const stream = core.streams.get(id);
  if (stream === null) return; // Allowed for a while after the end (RFC 9113 §5.1).
  stream.sendDelta += increment;
  if (core.peerInitialWindow + stream.sendDelta > MAX_31_BIT) {
    return failStream(core, stream, ErrorCode.FLOW_CONTROL_ERROR);
  }
  if (stream.sendDelta > core.sendDeltaMax) core.sendDeltaMax = stream.sendDelta;
  if (stream.queuedBytes > 0) {
    if (core.held.length > 0) releaseHeld(core);
    if (stream.inLine) pumpLine(core);
    else pump(core, stream, false);
  }
}

function widenConnection(core: Core, increment: number): void {
  if (increment === 0) return failConnection(core, ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE of 0');
  core.sendWindow += increment;
  if (core.sendWindow > MAX_31_BIT) {
    return failConnection(core, ErrorCode.FLOW_CONTROL_ERROR, 'connection window above 2^31-1');
  }
  releaseHeld(core);
  pumpLine(core);
}

/** The SETTINGS that this side announces, and the wider connection window; nothing when they are written already. */
export function writeSettings(core: Core): void {
  if (core.settingsWritten) return;
  core.settingsWritten = true;
  const { limits, output } = core;
  const entries: [number, number][] = [];
  if (limits.decoderTableBytes !== DEFAULT_TABLE_BYTES) {
    entries.push([Setting.HEADER_TABLE_SIZE, limits.decoderTableBytes]);
  }
  if (core.isServer) entries.push([Setting.MAX_CONCURRENT_STREAMS, limits.concurrentStreamsMax]);
  else entries.push([Setting.ENABLE_PUSH, 0]);
  entries.push([Setting.INITIAL_WINDOW_SIZE, core.firstWindowBytes]);
  entries.push([Setting.MAX_HEADER_LIST_SIZE, limits.headerListBytesMax]);
  output.reserve(FRAME_HEADER_BYTES + entries.length * 6 + 13);
  output.frame(entries.length * 6, FrameType.SETTINGS, 0, 0);
  for (const [setting, value] of entries) {
    output.uint16(setting);
    output.uint32(value);
  }
  if (limits.connectionWindowBytes > DEFAULT_WINDOW_BYTES) {
    output.frame(4, FrameType.WINDOW_UPDATE, 0, 0);
    output.uint32(limits.connectionWindowBytes - DEFAULT_WINDOW_BYTES);
    core.recvWindow = limits.connectionWindowBytes;
  }
  core.urgent = true;
}

function uint32(source: Uint8Array, at: number): number {
  return (
    (((source[at] as number) << 24) |
      ((source[at + 1] as number) << 16) |
      ((source[at + 2] as number) << 8) |
      (source[at + 3] as number)) >>>
    0
  );
}
