/** Circuit breaking: what may be begun beside what is under way (Envoy circuit breaking; gRFC A32). Pure comparisons; 0 is no bound. */
import type { BreakerConfig } from './failover-config.ts';

/** One more attempt beside `active`: attempts in flight and calls that wait for one (OV-01). */
export function admitsRequest(config: BreakerConfig, active: number): boolean {
  return config.maxRequests === 0 || active < config.maxRequests;
}

export function admitsEndpointRequest(config: BreakerConfig, active: number): boolean {
  return config.endpointMaxRequests === 0 || active < config.endpointMaxRequests;
}

/** One more waiting call (OV-02). */
export function admitsPending(config: BreakerConfig, waiting: number): boolean {
  return config.maxPending === 0 || waiting < config.maxPending;
}

export function admitsEndpointPending(config: BreakerConfig, waiting: number): boolean {
  return config.endpointMaxPending === 0 || waiting < config.endpointMaxPending;
}

/** One more retry beside `alive`. */
export function admitsRetry(config: BreakerConfig, alive: number): boolean {
  return config.maxRetries === 0 || alive < config.maxRetries;
}

/** One more connection to an endpoint that has `own`, of `all`. */
export function admitsConnection(config: BreakerConfig, own: number, all: number): boolean {
  if (own === 0) return true;
  const here = config.endpointMaxConnections === 0 || own < config.endpointMaxConnections;
  return here && (config.maxConnections === 0 || all < config.maxConnections);
}
