/** What the configuration file says about failover and overload: into the shape of the flags, and out of it, checked and completed. */
import type { SidecarConfig } from '../policy/config.ts';
import {
  type BreakerConfig,
  DEFAULT_BREAKER,
  DEFAULT_FAILURE_PERCENT,
  DEFAULT_HEDGING,
  DEFAULT_MESSAGE_LIMIT,
  DEFAULT_OUTLIER,
  DEFAULT_SUCCESS_RATE,
  DEFAULT_THROTTLE,
  DEFAULT_WAIT_FOR_READY,
  EJECTION_CAPS,
  type FailurePercentConfig,
  type HedgingConfig,
  type MessageLimitConfig,
  type OutlierConfig,
  type SuccessRateConfig,
  type ThrottleConfig,
  type WaitForReadyConfig,
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
    retryThrottling: readThrottling(read),
    hedging: readHedging(read),
    circuitBreaker: readBreaker(read),
    waitForReady: readWaitForReady(read),
    messageLimit: readMessageLimit(read),
    ...readLoad(read),
  };
}

function readThrottling(read: OptionReader): ThrottleConfig | null {
  if (!read.flag('retryThrottling')) return null;
  return {
    maxTokens: read.number('retryThrottling.maxTokens', DEFAULT_THROTTLE.maxTokens),
    tokenRatio: read.number('retryThrottling.tokenRatio', DEFAULT_THROTTLE.tokenRatio),
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

function readWaitForReady(read: OptionReader): WaitForReadyConfig | null {
  if (!read.flag('waitForReady')) return null;
  const base = DEFAULT_WAIT_FOR_READY;
  return {
    maxMs: read.number('waitForReady.maxMs', base.maxMs),
    maxPending: read.number('waitForReady.maxPending', base.maxPending),
  };
}

function readMessageLimit(read: OptionReader): MessageLimitConfig | null {
  if (!read.flag('messageLimit')) return null;
  const base = DEFAULT_MESSAGE_LIMIT;
  return {
    requestBytesMax: read.number('messageLimit.requestBytesMax', base.requestBytesMax),
    responseBytesMax: read.number('messageLimit.responseBytesMax', base.responseBytesMax),
  };
}

function readBreaker(read: OptionReader): BreakerConfig | null {
  if (!read.flag('circuitBreaker')) return null;
  const config = { ...DEFAULT_BREAKER };
  for (const name of Object.keys(config) as (keyof BreakerConfig)[]) {
    config[name] = read.number(`circuitBreaker.${name}`, config[name]);
  }
  return config;
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
    successRate: readSuccessRate(read, 'outlier.successRate'),
    failurePercent: readFailurePercent(read, 'outlier.failurePercent'),
  };
}

function readSuccessRate(read: OptionReader, at: string): SuccessRateConfig | null {
  if (!read.flag(at)) return null;
  const base = DEFAULT_SUCCESS_RATE;
  return {
    stdevFactor: read.number(`${at}.stdevFactor`, base.stdevFactor),
    ...readJudged(read, at, base),
  };
}

function readFailurePercent(read: OptionReader, at: string): FailurePercentConfig | null {
  if (!read.flag(at)) return null;
  const base = DEFAULT_FAILURE_PERCENT;
  return {
    thresholdPercent: read.number(`${at}.thresholdPercent`, base.thresholdPercent),
    ...readJudged(read, at, base),
  };
}

interface Judged {
  minHosts: number;
  minRequests: number;
  enforcePercent: number;
}

function readJudged(read: OptionReader, at: string, base: Judged): Judged {
  return {
    minHosts: read.number(`${at}.minHosts`, base.minHosts),
    minRequests: read.number(`${at}.minRequests`, base.minRequests),
    enforcePercent: read.number(`${at}.enforcePercent`, base.enforcePercent),
  };
}
