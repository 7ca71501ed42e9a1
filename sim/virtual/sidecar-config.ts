/** The sidecar's complete configuration from what a scenario says of it. */
import { DEFAULT_SIDECAR_CONFIG, type HealthConfig, type SidecarConfig } from '../../proxy/policy/config.ts';
import type { SidecarSpec } from '../spec/scenario.ts';

/** As the sidecar's own options have it. */
const DEFAULT_HEALTH: HealthConfig = {
  intervalMs: 1_000,
  timeoutMs: 500,
  unhealthyThreshold: 2,
  healthyThreshold: 1,
  service: '',
};

export function sidecarConfig(spec: SidecarSpec): SidecarConfig {
  const { health, retry, timeout, balancer, tag } = spec;
  const base = DEFAULT_SIDECAR_CONFIG;
  return {
    ...base,
    balancer: balancer ?? base.balancer,
    health: health === undefined || health === null ? null : { ...DEFAULT_HEALTH, ...health },
    retry: { ...base.retry, ...retry },
    timeout: { ...base.timeout, ...timeout },
    tag: tag ?? base.tag,
  };
}
