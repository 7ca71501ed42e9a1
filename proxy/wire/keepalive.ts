/** What keepalive and the age of connections do (gRFC A8, A9), as time passes. */
import { writePing, writeSettings } from './control.ts';
import { type Core, failConnection, writeGoAway } from './core.ts';
import { ErrorCode, GOAWAY_STEP_NS, MAX_31_BIT } from './protocol.ts';

const AGE_TOLD = 1;
const AGE_FINAL = 2;

/** When the peer is to be asked whether it is there, or should have answered. */
export function keepaliveDue(core: Core): number {
  const { liveness } = core;
  const { keepaliveTimeMs } = core.limits;
  // SETTINGS are a server's first frame (RFC 9113 §3.4): a preface that does not come has a limit of its own.
  if (keepaliveTimeMs === 0 || !core.settingsWritten) return Infinity;
  if (liveness.pingDeadlineNs !== Infinity) return liveness.pingDeadlineNs;
  if (liveness.heardNs < 0) liveness.heardNs = core.nowNs;
  return liveness.heardNs + keepaliveTimeMs * liveness.pingSlowness * 1e6;
}

/** gRFC A8, A9. Any octet is an answer, as for gRPC's own peers. */
export function keepAlive(core: Core): void {
  const { liveness } = core;
  if (liveness.pingDeadlineNs !== Infinity)
    return failConnection(core, ErrorCode.NO_ERROR, 'nothing came after a keepalive PING');
  if (!core.isServer && core.streams.count === 0) {
    // Endpoints take PINGs without calls for abuse.
    liveness.heardNs = core.nowNs;
    return;
  }
  writePing(core);
  liveness.pingDeadlineNs = core.nowNs + core.limits.keepaliveTimeoutMs * 1e6;
}

/** When an old connection is to hear the next of what `grow` says. */
export function ageDue(core: Core): number {
  const { liveness } = core;
  const { connectionAgeMaxMs, connectionAgeGraceMs } = core.limits;
  if (connectionAgeMaxMs === 0 || !core.isServer) return Infinity;
  if (core.goAwayFinal && liveness.ageStep < AGE_FINAL) return Infinity; // It drains anyway.
  if (liveness.ageStep === AGE_TOLD) return liveness.ageStepNs + GOAWAY_STEP_NS;
  if (liveness.ageStep === AGE_FINAL)
    return connectionAgeGraceMs === 0 ? Infinity : liveness.ageStepNs + connectionAgeGraceMs * 1e6;
  if (core.openedNs < 0) core.openedNs = core.nowNs;
  // The microsecond at which it was opened is as good as chance, and needs none.
  const jitter = ((Math.floor(core.openedNs / 1e3) % 1_000) / 1_000 - 0.5) * 0.2;
  return core.openedNs + connectionAgeMaxMs * (1 + jitter) * 1e6;
}

/** gRFC A9: connect anew; then, these calls are the last; then, their time is over. */
export function grow(core: Core): void {
  const { liveness } = core;
  if (liveness.ageStep === AGE_FINAL)
    return failConnection(core, ErrorCode.NO_ERROR, 'its age and grace are over');
  const isFinal = liveness.ageStep === AGE_TOLD;
  liveness.ageStep += 1;
  liveness.ageStepNs = core.nowNs;
  writeSettings(core);
  writeGoAway(core, isFinal ? core.lastPeerId : MAX_31_BIT, ErrorCode.NO_ERROR, '');
  core.goAwayFinal = isFinal;
  core.dues = true;
}
