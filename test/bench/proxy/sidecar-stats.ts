/** What the sidecar's admin tells after a load: that each call ended well, and that they were spread evenly. */
import type { ClusterEndpoint, SidecarStats } from '../../../proxy/core/machine.ts';
import type { Started } from './proxies.ts';

/** h2load looks at HTTP only; that each call ended with grpc-status 0, its own statistics tell. Rejects when not. */
export async function expectAllOk({ admin }: Started): Promise<void> {
  const stats = (await (await fetch(`http://${admin}/stats`)).json()) as SidecarStats;
  const { endpoints } = (await (await fetch(`http://${admin}/clusters`)).json()) as {
    endpoints: ClusterEndpoint[];
  };
  const shares = endpoints.map(({ attemptsStarted }) => attemptsStarted);
  const isEven = Math.max(...shares) - Math.min(...shares) <= 1 && shares.length > 1;
  if (stats.callsByStatus[0] === stats.callsStarted && stats.healthChecks > 0 && isEven) return;
  throw new Error(`the sidecar's calls did not all end well: ${JSON.stringify({ ...stats, shares })}`);
}
