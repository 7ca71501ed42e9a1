/** What the configuration file says about failover and overload: into the shape of the flags, and out of it, checked and completed. */
import type { SidecarConfig } from '../policy/config.ts';
import {
  DEFAULT_BREAKER,
  DEFAULT_FAILURE_PERCENT,
  DEFAULT_HEDGING,
  DEFAULT_MESSAGE_LIMIT,
  DEFAULT_OUTLIER,
  DEFAULT_SUCCESS_RATE,
  DEFAULT_THROTTLE,
  DEFAULT_WAIT_FOR_READY,
  EJECTION_CAPS,
  type HedgingConfig,
  type OutlierConfig,
} from '../policy/failover-config.ts';
import type { RawOptions } from './flags.ts';
import { type LoadSection, readLoad } from './load-options.ts';
import type { OptionReader } from './option-reader.ts';

/** One section, flat: `{ 'outlier': true, 'outlier.intervalMs': '100', … }`. Lists are joined by commas. */
export function sectionTexts(name: string, section: object | undefined): RawOptions {
  if (section === undefined) return {};
  const texts: Record<string, string | boolean | undefined> = { [name]: true };
  for (const [key, value] of Object.entries(section)) {
    const path = `${name}.${key}`;
    if (Array.isArray(value)) texts[path] = value.join(',');
    else if (typeof value === 'object') Object.assign(texts, sectionTexts(path, value));
    else if (typeof value === 'boolean') texts[path] = value;
    else if (value !== undefined) texts[path] = String(value);
  }
  return texts;
}

type FailoverSection =
  | 'outlier'
  | 'retryThrottling'
  | 'hedging'
  | 'circuitBreaker'
  | 'waitForReady'
  | 'messageLimit'
  | LoadSection;

/** The sections of the configuration that are about failover and overload; null where one is not named. */
export function readFailover(read: OptionReader): Pick<SidecarConfig, FailoverSection> {
  return {
    outlier: readOutlier(read),
    retryThrottling: readNumbers(read, 'retryThrottling', DEFAULT_THROTTLE),
    hedging: readHedging(read),
    circuitBreaker: readNumbers(read, 'circuitBreaker', DEFAULT_BREAKER),
    waitForReady: readNumbers(read, 'waitForReady', DEFAULT_WAIT_FOR_READY),
    messageLimit: readNumbers(read, 'messageLimit', DEFAULT_MESSAGE_LIMIT),
    ...readLoad(read),
  };
}

function readHedging(read: OptionReader): HedgingConfig | null {
  if (!read.flag('hedging')) return null;
  const base = DEFAULT_HEDGING;
  return {
    attempts: read.number('hedging.attempts', base.attempts),
    delayMs: read.number('hedging.delayMs', base.delayMs),
    nonFatalStatuses: read.statuses('hedging.nonFatalStatuses', base.nonFatalStatuses),
  };
}

function readOutlier(read: OptionReader): OutlierConfig | null {
  if (!read.flag('outlier')) return null;
  const base = DEFAULT_OUTLIER;
  const cap = read.text('outlier.cap');
  return {
    intervalMs: read.number('outlier.intervalMs', base.intervalMs),
    baseEjectionMs: read.number('outlier.baseEjectionMs', base.baseEjectionMs),
    maxEjectionMs: read.number('outlier.maxEjectionMs', base.maxEjectionMs),
    jitterMs: read.number('outlier.jitterMs', base.jitterMs),
    maxEjectionPercent: read.number('outlier.maxEjectionPercent', base.maxEjectionPercent),
    cap: EJECTION_CAPS.find((known) => known === cap) ?? base.cap,
    consecutiveErrors: read.number('outlier.consecutiveErrors', base.consecutiveErrors),
    consecutiveGatewayErrors: read.number('outlier.consecutiveGatewayErrors', base.consecutiveGatewayErrors),
    errorStatuses: read.statuses('outlier.errorStatuses', base.errorStatuses),
    gatewayStatuses: read.statuses('outlier.gatewayStatuses', base.gatewayStatuses),
    healthyCheckUnejects: read.flag('outlier.healthyCheckUnejects'),
    successRate: readNumbers(read, 'outlier.successRate', DEFAULT_SUCCESS_RATE),
    failurePercent: readNumbers(read, 'outlier.failurePercent', DEFAULT_FAILURE_PERCENT),
  };
}

/** A section of numbers alone, with what `base` says where it is silent; null where it is not named. */
function readNumbers<T extends Record<keyof T, number>>(
  read: OptionReader,
  section: string,
  base: T,
): T | null {
  if (!read.flag(section)) return null;
  const names = Object.keys(base) as (keyof T & string)[];
  return Object.fromEntries(
    names.map((name) => [name, read.number(`${section}.${name}`, base[name])]),
  ) as unknown as T;
}
