/** The health probe that a configuration asks for. */
import type { HealthConfig } from '../policy/config.ts';
import type { Context } from './context.ts';
import type { HealthProbe } from './health-probe.ts';
import { Prober } from './prober.ts';
import { TcpProbe } from './tcp-check.ts';
import type { Upstream } from './upstream.ts';
import { Watcher } from './watcher.ts';

export function makeProbe(context: Context, upstream: Upstream, config: HealthConfig): HealthProbe {
  switch (config.mode) {
    case 'check':
      return new Prober(context, upstream, config);
    case 'watch':
      return new Watcher(context, upstream, config);
    case 'tcp':
      return new TcpProbe(context, upstream, config);
  }
}
