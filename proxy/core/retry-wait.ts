/** Whether a failed call may be tried again by policy, and after how long: the policies' answers put together for one call. */
import { backoffNs, isRetryable, pushbackNs, withinBudget } from '../policy/retry.ts';
import type { CallRecord } from './call-record.ts';
import type { Context } from './context.ts';

/**
 * How long to wait in ns; -1: there is no retry. `call.failureBlock` may carry a pushback. `atOnce`: without backoff.
 * Counts what the budget refused, and moves the call's backoff series on.
 */
export function retryWaitNs(context: Context, call: CallRecord, status: number, atOnce: boolean): number {
  const { config, counters } = context;
  const sentByPolicy = call.attemptsSent - (call.transparentUsed ? 1 : 0);
  if (!call.isGrpc || sentByPolicy >= context.attemptsMax || !isRetryable(config.retry, status)) return -1;
  const pushback = pushbackNs(call.failureBlock?.get('grpc-retry-pushback-ms'));
  if (pushback === -1) return -1;
  if (!withinBudget(config.retry, counters.retriesAlive, counters.callsAlive)) {
    counters.retriesOverBudget++;
    return -1;
  }
  let waitNs = 0;
  if (pushback !== null) {
    waitNs = pushback;
    call.backoffStep = 0;
  } else {
    call.backoffStep++;
    if (!atOnce) waitNs = backoffNs(config.retry, call.backoffStep, context.random());
  }
  return context.nowNs + waitNs >= call.deadlineNs ? -1 : waitNs;
}
