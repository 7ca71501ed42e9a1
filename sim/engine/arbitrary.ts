/** `fault.arbitrary`: fault plans for fast-check, each one a plan that can be run (nobody kills the dead). Swarm: each draw switches some kinds off. */
import fc from 'fast-check';
import type { FaultSpec } from '../spec/scenario.ts';

export interface FaultArbitraryOptions {
  service: string;
  /** Instances at the start. */
  instances: number;
  /** Length of the run, ms: faults begin in its first half, and what lasts is over by three quarters of it. */
  forMs: number;
  /** Kinds to draw from; default all but `bandwidth`. Those that strike sidecars' processes, or a registry, are never drawn. */
  kinds?: readonly string[];
  /** Sidecars that follow a control plane; 0, the default: none does, and `xds` kinds are not drawn. */
  sidecars?: number;
  /** Most faults in one plan; default 4. A kill with the restart that heals it counts once. */
  faultsMax?: number;
  /** Fewest faults in one plan; default 0. */
  faultsMin?: number;
}

const KINDS = [
  'kill',
  'restart',
  'pause',
  'add',
  'remove',
  'drain',
  'relist',
  'latency',
  'failStatus',
  'blackhole',
  'resetConnections',
  'partition',
];
const STEP_MS = 10;

/**
 * Plans of at most `faultsMax` faults, each instance struck at most once, so that a plan shrinks to any part of itself and
 * stays valid. At least one instance is left alone. Draws do not depend on `instances` beyond a remainder: with the same
 * random numbers a smaller mesh gets much the same plan.
 */
export function arbitraryFaults(options: FaultArbitraryOptions): fc.Arbitrary<FaultSpec[]> {
  const { service, instances, forMs, kinds = KINDS, sidecars = 0, faultsMax = 4, faultsMin = 0 } = options;
  const most = Math.min(faultsMax, Math.max(0, instances - 1));
  const one = fc.record({
    kind: fc.nat({ max: 9_999 }),
    instance: fc.nat({ max: 9_999 }).map((drawn) => drawn % instances),
    atMs: fc.integer({ min: 1, max: Math.max(1, Math.floor(forMs / 2 / STEP_MS)) }).map((n) => n * STEP_MS),
    lastsMs: fc
      .integer({ min: 1, max: Math.max(1, Math.floor(forMs / 4 / STEP_MS)) })
      .map((n) => n * STEP_MS),
    size: fc.integer({ min: 1, max: 4 }),
  });
  return fc
    .tuple(
      fc.subarray(
        kinds.filter(
          (kind) =>
            !/^(sidecar|registry)\.|^xds\.routes$/.test(kind) && (sidecars > 0 || !kind.startsWith('xds.')),
        ),
        { minLength: 1 },
      ),
      fc.uniqueArray(one, {
        selector: (drawn) => drawn.instance,
        minLength: Math.min(faultsMin, most),
        maxLength: most,
      }),
    )
    .map(([enabled, draws]) =>
      draws
        .flatMap((draw) => faultsOf(service, enabled[draw.kind % enabled.length] as string, draw, sidecars))
        .sort((a, b) => a.atMs - b.atMs),
    );
}

interface Draw {
  instance: number;
  atMs: number;
  lastsMs: number;
  size: number;
}

/** One fault; a kill of even size is healed by a restart. */
function faultsOf(
  service: string,
  kind: string,
  { instance, atMs, lastsMs, size }: Draw,
  sidecars: number,
): FaultSpec[] {
  if (kind === 'add') return [{ atMs, kind, target: service, params: { count: size } }];
  const target = kind.startsWith('xds.') ? `sidecar/${instance % sidecars}` : `${service}/${instance}`;
  const fault = { atMs, kind, target, params: paramsOf(kind, lastsMs, size) };
  if (kind !== 'kill' || size % 2 === 1) return [fault];
  return [fault, { atMs: atMs + lastsMs, kind: 'restart', target, params: {} }];
}

function paramsOf(kind: string, lastsMs: number, size: number): Record<string, unknown> {
  if (kind === 'latency') return { add: size * 20, for: lastsMs };
  if (kind === 'failStatus') return { status: 14, share: size / 4, for: lastsMs };
  if (kind === 'bandwidth') return { bytesPerSecond: size * 1_000, for: lastsMs };
  if (kind === 'pause' || kind === 'blackhole' || kind === 'partition') return { for: lastsMs };
  if (kind === 'xds.delay') return { by: size * 50, for: lastsMs };
  if (kind === 'xds.nack') return { unparsable: size % 2 === 0, for: lastsMs };
  if (kind === 'xds.silence') return { cut: size % 2 === 0, for: lastsMs };
  if (kind.startsWith('xds.')) return { for: lastsMs };
  return {};
}
