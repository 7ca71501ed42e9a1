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
import type { OptionReader } from './option-reader.ts';

export type LoadSection = 'rateLimit' | 'concurrency' | 'loadShed';

export function readLoad(read: OptionReader): Pick<SidecarConfig, LoadSection> {
  return {
    rateLimit: readRateLimit(read),
    concurrency: readConcurrency(read),
    loadShed: readLoadShed(read),
  };
}

function readRateLimit(read: OptionReader): RateLimitConfig | null {
  if (!read.flag('rateLimit')) return null;
  const base = DEFAULT_RATE_LIMIT;
  const status = read.number('rateLimit.status', base.status);
  if (status !== 8 && status !== 14) {
    throw read.refusal(
      'rateLimit.status',
      `a call beyond the rate cannot end with status ${status}`,
      'give 8 (RESOURCE_EXHAUSTED) or 14 (UNAVAILABLE)',
    );
  }
  return {
    perSecond: read.number('rateLimit.perSecond', base.perSecond),
    burst: read.number('rateLimit.burst', base.burst),
    status,
  };
}

function readConcurrency(read: OptionReader): ConcurrencyConfig | null {
  if (!read.flag('concurrency')) return null;
  const base = DEFAULT_CONCURRENCY;
  const min = read.number('concurrency.min', base.min);
  const max = read.number('concurrency.max', Math.max(min, base.max), { least: min });
  return {
    initial: read.number('concurrency.initial', Math.min(max, Math.max(min, base.initial)), {
      least: min,
      most: max,
    }),
    min,
    max,
    windowMs: read.number('concurrency.windowMs', base.windowMs),
    minSamples: read.number('concurrency.minSamples', base.minSamples),
    tolerance: read.number('concurrency.tolerance', base.tolerance),
    baselineMs: read.number('concurrency.baselineMs', base.baselineMs),
  };
}

function readLoadShed(read: OptionReader): LoadShedConfig | null {
  if (!read.flag('loadShed')) return null;
  const base = DEFAULT_LOAD_SHED;
  return {
    retriesAt: read.number('loadShed.retriesAt', base.retriesAt),
    lowPriorityAt: read.number('loadShed.lowPriorityAt', base.lowPriorityAt),
    priorityHeader: read.header('loadShed.priorityHeader', base.priorityHeader),
    lowPriority: read.text('loadShed.lowPriority') ?? base.lowPriority,
  };
}
