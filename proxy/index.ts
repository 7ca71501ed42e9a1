/** The sidecar, for whoever starts it from TypeScript: `import { startSidecar } from 'meshwright/sidecar'`. */
import { resolveOptions } from './host/options.ts';
import type { RawOptions } from './host/flags.ts';
import type { SidecarOptions } from './host/options.ts';
import { SidecarServer } from './host/server.ts';
import type { ServerLog } from './host/generation.ts';
import { SidecarError } from './policy/trouble.ts';

/**
 * Starts a sidecar in this process. `flags`: as on the command line, by name without dashes, e.g.
 * `{ listen: '127.0.0.1:0', upstream: '127.0.0.1:50051' }`. Rejects with a SidecarError (code, place, remedy).
 */
export function startSidecar(flags: RawOptions, log?: ServerLog): Promise<SidecarServer> {
  return Promise.resolve().then(() => {
    const options = resolveOptions(flags);
    if (options.workers === 1) return SidecarServer.start(options, log);
    throw new SidecarError('MW_USAGE', 'workers are processes, and this is none of its own', {
      place: 'workers',
      remedy: 'run `meshwright sidecar --workers N`',
    });
  });
}

export { Sidecar } from './core/sidecar.ts';
export type {
  ClusterEndpoint,
  DownstreamPort,
  SidecarEnvironment,
  SidecarMachine,
  SidecarStats,
  UpstreamPort,
} from './core/machine.ts';
export type { AttemptEnd, EndpointChange, Observer } from './core/observer.ts';
export { DEFAULT_SIDECAR_CONFIG } from './policy/config.ts';
export type {
  BalancerName,
  Endpoint,
  HealthConfig,
  RetryConfig,
  SidecarConfig,
  TimeoutConfig,
} from './policy/config.ts';
export { SidecarError };
export type { RawOptions, ServerLog, SidecarOptions, SidecarServer };
