/** The sidecar's complete configuration from what a scenario says of it. */
import {
  type BalancerConfig,
  DEFAULT_BALANCER,
  DEFAULT_HEALTH,
  DEFAULT_SIDECAR_CONFIG,
  type SidecarConfig,
} from '../../proxy/policy/config.ts';
import {
  DEFAULT_BREAKER,
  DEFAULT_CONCURRENCY,
  DEFAULT_FAILURE_PERCENT,
  DEFAULT_HEDGING,
  DEFAULT_LOAD_SHED,
  DEFAULT_MESSAGE_LIMIT,
  DEFAULT_OUTLIER,
  DEFAULT_RATE_LIMIT,
  DEFAULT_SUCCESS_RATE,
  DEFAULT_THROTTLE,
  DEFAULT_WAIT_FOR_READY,
  type OutlierConfig,
} from '../../proxy/policy/failover-config.ts';
import { fitBackoff } from '../../proxy/policy/retry.ts';
import { KEY_HEADER, ownFacts } from '../spec/balancer.ts';
import type { FailoverSpec, OutlierSpec } from '../spec/failover.ts';
import type { SidecarSpec } from '../spec/scenario.ts';
import { routingConfig } from './routing-config.ts';

const DRAIN_MS = 1_000;

/** `sidecar`: which of them. */
export function sidecarConfig(spec: SidecarSpec, sidecar: number): SidecarConfig {
  const plain = (one: SidecarSpec): SidecarConfig => plainConfig(one, sidecar);
  // What follows a control plane is told its clusters and routes by it.
  const routing = spec.discovery?.kind === 'xds' ? null : routingConfig(spec, plain);
  return { ...plain(spec), routing };
}

/** The same without routes. */
function plainConfig(spec: SidecarSpec, sidecar: number): SidecarConfig {
  const { health, retry, timeout, balancer, tag, drainMs } = spec;
  const base = DEFAULT_SIDECAR_CONFIG;
  return {
    ...base,
    balancer: { ...balancerConfig(balancer), ...ownFacts(spec.localities, sidecar) },
    health: healthConfig(health),
    retry: { ...base.retry, ...retry, ...fitBackoff(base.retry, retry ?? {}) },
    timeout: { ...base.timeout, ...timeout },
    ...failoverConfig(spec),
    tag: tag ?? base.tag,
    drainMs: drainMs ?? DRAIN_MS,
  };
}

/** An interval of 0 switches the checks off, as in the configuration file. */
function healthConfig(health: SidecarSpec['health']): SidecarConfig['health'] {
  if (health === undefined || health === null || health.intervalMs === 0) return null;
  return { ...DEFAULT_HEALTH, ...health };
}

function balancerConfig(spec: SidecarSpec['balancer']): BalancerConfig {
  const given = typeof spec === 'object' ? spec : { name: spec ?? DEFAULT_BALANCER.name };
  const hashes = given.name === 'ring_hash' || given.name === 'maglev';
  return { ...DEFAULT_BALANCER, hashHeader: hashes ? KEY_HEADER : '', ...given };
}

/** Each section that is given, completed. */
function failoverConfig(spec: SidecarSpec): Pick<SidecarConfig, keyof FailoverSpec> {
  const { outlier, retryThrottling, hedging, circuitBreaker } = spec;
  return {
    outlier: outlier === undefined ? null : outlierConfig(outlier),
    retryThrottling: completed(DEFAULT_THROTTLE, retryThrottling),
    hedging: completed(DEFAULT_HEDGING, hedging),
    rateLimit: completed(DEFAULT_RATE_LIMIT, spec.rateLimit),
    concurrency: completed(DEFAULT_CONCURRENCY, spec.concurrency),
    loadShed: completed(DEFAULT_LOAD_SHED, spec.loadShed),
    circuitBreaker: completed(DEFAULT_BREAKER, circuitBreaker),
    waitForReady: completed(DEFAULT_WAIT_FOR_READY, spec.waitForReady),
    messageLimit: completed(DEFAULT_MESSAGE_LIMIT, spec.messageLimit),
  };
}

function outlierConfig({ successRate, failurePercent, ...rest }: OutlierSpec): OutlierConfig {
  return {
    ...DEFAULT_OUTLIER,
    ...rest,
    successRate: completed(DEFAULT_SUCCESS_RATE, successRate),
    failurePercent: completed(DEFAULT_FAILURE_PERCENT, failurePercent),
  };
}

function completed<T extends object>(base: T, given: Partial<T> | undefined): T | null {
  return given === undefined ? null : { ...base, ...given };
}
