/** What the configuration file says about load: rate limit, learned limit of calls in flight, who is refused first. */
import type { SidecarConfig } from '../policy/config.ts';
import {
  type ConcurrencyConfig,
  DEFAULT_CONCURRENCY,
  DEFAULT_LOAD_SHED,
  DEFAULT_RATE_LIMIT,
  type LoadShedConfig,
  type RateLimitConfig,
} from '../policy/failover-config.ts';
import { type OptionReader, usage } from './option-reader.ts';

export type LoadSection = 'rateLimit' | 'concurrency' | 'loadShed';

const DAY_MS = 86_400_000;
const COUNT_MAX = 1_000_000_000;

export function readLoad(read: OptionReader): Pick<SidecarConfig, LoadSection> {
  const concurrency = readConcurrency(read);
  const loadShed = readLoadShed(read);
  if (loadShed !== null && concurrency === null && !read.flag('circuitBreaker')) {
    throw usage(
      'there is no limit of calls in flight by which load could be shed',
      'loadShed',
      'add concurrency: {} or circuitBreaker: {}',
    );
  }
  return { rateLimit: readRateLimit(read), concurrency, loadShed };
}

function readRateLimit(read: OptionReader): RateLimitConfig | null {
  if (!read.flag('rateLimit')) return null;
  const base = DEFAULT_RATE_LIMIT;
  const status = read.integer('rateLimit.status', base.status, 1, 16);
  if (status !== 8 && status !== 14) {
    throw usage(
      `a call beyond the rate cannot end with status ${status}`,
      'rateLimit.status',
      'give 8 (RESOURCE_EXHAUSTED) or 14 (UNAVAILABLE)',
    );
  }
  return {
    perSecond: read.number('rateLimit.perSecond', base.perSecond, 0.001, COUNT_MAX),
    burst: read.integer('rateLimit.burst', base.burst, 1, COUNT_MAX),
    status,
  };
}

function readConcurrency(read: OptionReader): ConcurrencyConfig | null {
  if (!read.flag('concurrency')) return null;
  const base = DEFAULT_CONCURRENCY;
  const min = read.integer('concurrency.min', base.min, 1, COUNT_MAX);
  const max = read.integer('concurrency.max', Math.max(min, base.max), min, COUNT_MAX);
  return {
    initial: read.integer('concurrency.initial', Math.min(max, Math.max(min, base.initial)), min, max),
    min,
    max,
    windowMs: read.number('concurrency.windowMs', base.windowMs, 1, DAY_MS),
    minSamples: read.integer('concurrency.minSamples', base.minSamples, 1, COUNT_MAX),
    tolerance: read.number('concurrency.tolerance', base.tolerance, 0, 100),
    baselineMs: read.number('concurrency.baselineMs', base.baselineMs, 1, DAY_MS),
  };
}

function readLoadShed(read: OptionReader): LoadShedConfig | null {
  if (!read.flag('loadShed')) return null;
  const base = DEFAULT_LOAD_SHED;
  return {
    retriesAt: read.number('loadShed.retriesAt', base.retriesAt, 0, 1),
    lowPriorityAt: read.number('loadShed.lowPriorityAt', base.lowPriorityAt, 0, 1),
    priorityHeader: (read.text('loadShed.priorityHeader') ?? base.priorityHeader).toLowerCase(),
    lowPriority: read.text('loadShed.lowPriority') ?? base.lowPriority,
  };
}
