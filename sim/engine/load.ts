/** `load.*`: how calls arrive, and the distributions that latencies are drawn from. */
import type { Latency, LoadSpec } from '../spec/scenario.ts';

/** What open and closed loops share; see LoadSpec for units and defaults. */
export interface LoadOptions {
  /** How long load lasts, ms of the world's time. */
  forMs: number;
  method?: string;
  deadlineMs?: number;
  requestName?: string;
  keys?: number;
  directShare?: number;
}

export const load = {
  /** Open loop: calls begin at their times whether or not earlier ones have ended. Rate in calls per second. */
  open(options: LoadOptions & { ratePerSecond: number; arrivals?: 'constant' | 'poisson' }): LoadSpec {
    return { kind: 'open', arrivals: 'constant', ...options };
  },
  /** Closed loop: each client starts its next call `thinkMs` (default 0) after the answer to its last. */
  closed(options: LoadOptions & { clients: number; thinkMs?: number }): LoadSpec {
    return { kind: 'closed', thinkMs: 0, ...options };
  },
  /** Always the same, ms. */
  constant(ms: number): Latency {
    return { kind: 'constant', ms };
  },
  uniform(range: { minMs: number; maxMs: number }): Latency {
    return { kind: 'uniform', ...range };
  },
  /** Skewed as services are: half below `medianMs`, one in a hundred above `p99Ms`. */
  lognormal(shape: { medianMs: number; p99Ms: number }): Latency {
    return { kind: 'lognormal', ...shape };
  },
} as const;
