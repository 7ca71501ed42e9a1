/** Whether a call may wait although there is no endpoint to wait for yet (gRPC wait-for-ready). */
import type { CallRecord } from './call-record.ts';
import type { Context } from './context.ts';
import { OwnedTimer, type TimerOwner } from './timers.ts';

/** Its time for that begins with its first wait, and does not begin again. */
export function mayWaitForReady(
  { cluster, config, timers, nowNs }: Context,
  call: CallRecord & TimerOwner,
): boolean {
  const { waitForReady } = config;
  if (waitForReady === null || cluster.waiting.patient >= waitForReady.maxPending) return false;
  if (call.patience !== null) return call.patience.armed;
  call.patience = new OwnedTimer(call);
  timers.arm(call.patience, nowNs, waitForReady.maxMs * 1e6);
  return true;
}
