/** Whether a failed call may be tried again by policy, and after how long: the policies' answers put together for one call. */
import { backoffNs, isRetryable, pushbackNs, withinBudget } from '../policy/retry.ts';
import type { CallRecord } from './call-record.ts';
import type { Context } from './context.ts';
import type { Failures } from './failures.ts';

/**
 * How long to wait in ns; -1: there is no retry. `failures.block` may carry a pushback. `atOnce`: without backoff.
 * Counts what the budget refused, and moves the call's backoff series on.
 */
export function retryWaitNs(context: Context, call: CallRecord, failures: Failures, atOnce: boolean): number {
  const { config, counters } = context;
  const { status } = failures;
  const pushback = pushbackNs(failures.block?.get('grpc-retry-pushback-ms'));
  const retryable = isRetryable(config.retry, status);
  if (context.throttle !== null && (retryable || pushback === -1)) context.throttle.failed();
  const sentByPolicy = call.attemptsSent - (failures.transparentUsed ? 1 : 0);
  if (!call.isGrpc || sentByPolicy >= context.attemptsMax || !retryable || pushback === -1) return -1;
  if (context.throttle !== null && !context.throttle.allows) {
    counters.retriesThrottled++;
    return -1;
  }
  if (context.gate !== null && !context.gate.admitsRetry()) return -1;
  if (!withinBudget(config.retry, counters.retriesAlive, counters.callsAlive)) {
    counters.retriesOverBudget++;
    return -1;
  }
  let waitNs = 0;
  if (pushback !== null) {
    waitNs = pushback;
    failures.backoffStep = 0;
  } else {
    failures.backoffStep++;
    if (!atOnce) waitNs = backoffNs(config.retry, failures.backoffStep, context.random());
  }
  return context.nowNs + waitNs >= call.deadlineNs ? -1 : waitNs;
}
