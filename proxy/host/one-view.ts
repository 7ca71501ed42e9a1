/** Several workers seen as one sidecar: counters summed, endpoints merged, ready when all are. */
import type { ClusterEndpoint } from '../core/machine.ts';
import type { HostStats } from './carrier-stats.ts';
import type { WorkerView } from './worker-messages.ts';

/** A worker's place in the group; `view` is null when it is gone, starting, or does not answer. */
export interface Member {
  readonly worker: number;
  readonly pid: number;
  readonly view: WorkerView | null;
  /** Why there is no view. */
  readonly trouble: string;
}

/** '' when all workers are ready, else the first one that is not, and why. */
export function notReadyOf(members: readonly Member[]): string {
  for (const { worker, view, trouble } of members) {
    const reason = view === null ? trouble : view.notReady;
    if (reason !== '') return `worker ${worker}: ${reason}`;
  }
  return '';
}

/** Counters and gauges summed over the workers, and each worker's own. Those of workers that died are gone with them. */
export function statsOf(members: readonly Member[]): object {
  const sum: Record<string, number | number[]> = {};
  for (const { view } of members) if (view !== null) addStats(sum, view.stats);
  const workers = members.map(({ worker, pid, view, trouble }) => ({
    worker,
    pid,
    ...(view === null ? { trouble } : view.stats),
  }));
  return { ...sum, workers };
}

/** An endpoint is pickable when each worker can pick it; connections and attempts are summed. */
export function clustersOf(members: readonly Member[]): { endpoints: object[]; workers: object[] } {
  const merged = new Map<string, ClusterEndpoint>();
  for (const { worker, view } of members) {
    for (const endpoint of view?.endpoints ?? []) {
      const trouble = endpoint.trouble === '' ? '' : `worker ${worker}: ${endpoint.trouble}`;
      const key = `${endpoint.cluster ?? ''} ${endpoint.address}`;
      const known = merged.get(key);
      const own = { ...endpoint, trouble };
      merged.set(key, known === undefined ? own : mergeEndpoint(known, own));
    }
  }
  const workers = members.map(({ worker, pid, view, trouble }) => ({
    worker,
    pid,
    ...(view === null ? { trouble } : { endpoints: view.endpoints }),
  }));
  return { endpoints: [...merged.values()], workers };
}

function addStats(sum: Record<string, number | number[]>, stats: HostStats): void {
  for (const [name, value] of Object.entries(stats) as [string, number | readonly number[]][]) {
    const before = sum[name];
    if (typeof value === 'number') sum[name] = (typeof before === 'number' ? before : 0) + value;
    else sum[name] = value.map((count, i) => count + (Array.isArray(before) ? (before[i] ?? 0) : 0));
  }
}

function mergeEndpoint(one: ClusterEndpoint, other: ClusterEndpoint): ClusterEndpoint {
  return {
    ...one,
    pickable: one.pickable && other.pickable,
    connected: one.connected && other.connected,
    healthy:
      one.healthy === false || other.healthy === false
        ? false
        : one.healthy === null || other.healthy === null
          ? null
          : true,
    draining: one.draining || other.draining,
    ejected: one.ejected || other.ejected,
    connections: one.connections + other.connections,
    attemptsAlive: one.attemptsAlive + other.attemptsAlive,
    attemptsStarted: one.attemptsStarted + other.attemptsStarted,
    trouble: one.trouble === '' ? other.trouble : one.trouble,
  };
}
