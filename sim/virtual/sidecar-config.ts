/** The sidecar's complete configuration from what a scenario says of it. */
import { DEFAULT_HEALTH, DEFAULT_SIDECAR_CONFIG, type SidecarConfig } from '../../proxy/policy/config.ts';
import type { SidecarSpec } from '../spec/scenario.ts';

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
