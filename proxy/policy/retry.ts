/** Decisions about retries, each a pure function of what is passed in: may this be retried, when, and does the budget allow it. */
import type { RetryConfig } from './config.ts';

/** gRFC A6 caps attempts per call. */
export const ATTEMPTS_MAX = 5;

/** Is this grpc-status one that the policy retries (FO-01)? */
export function isRetryable(config: RetryConfig, grpcStatus: number): boolean {
  return config.retryableStatuses.includes(grpcStatus);
}

/** May one more retry live beside `retriesAlive`, those in backoff included (Envoy retry_budget; FO-11)? */
export function withinBudget(config: RetryConfig, retriesAlive: number, callsAlive: number): boolean {
  return retriesAlive < Math.max(config.budgetMinConcurrent, Math.floor(config.budget * callsAlive));
}

/** Wait in ns before retry `n` (1 is the first): [0.8, 1.2] × min(base × 2^(n-1), max) (gRFC A6). `random` in [0, 1). */
export function backoffNs(config: RetryConfig, n: number, random: number): number {
  let waitMs = config.backoffBaseMs;
  for (let step = 1; step < n && waitMs < config.backoffMaxMs; step++) waitMs *= 2;
  return Math.floor(Math.min(waitMs, config.backoffMaxMs) * 1e6 * (0.8 + 0.4 * random));
}

/** grpc-retry-pushback-ms (gRFC A6): nanoseconds to wait, -1 for "do not retry", null where there is none. */
export function pushbackNs(text: string | undefined): number | null {
  if (text === undefined) return null;
  return /^\d{1,9}$/.test(text) ? Number(text) * 1e6 : -1;
}

/** What is left open of the waits fits what is given: the longest is never shorter than the first. */
export function fitBackoff(
  defaults: Pick<RetryConfig, 'backoffBaseMs' | 'backoffMaxMs'>,
  { backoffBaseMs, backoffMaxMs }: { backoffBaseMs?: number | undefined; backoffMaxMs?: number | undefined },
): Pick<RetryConfig, 'backoffBaseMs' | 'backoffMaxMs'> {
  const first = backoffBaseMs ?? Math.min(defaults.backoffBaseMs, backoffMaxMs ?? Infinity);
  return { backoffBaseMs: first, backoffMaxMs: backoffMaxMs ?? Math.max(defaults.backoffMaxMs, first) };
}
