/** `fault.arbitrary`: fault plans for fast-check, each one a plan that can be run (nobody kills the dead). Swarm: each draw switches some kinds off. */
import fc from 'fast-check';
import type { FaultSpec } from '../spec/scenario.ts';

export interface FaultArbitraryOptions {
  service: string;
  /** Instances at the start. */
  instances: number;
  /** Length of the run, ms: faults begin in its first half, and what lasts is over by three quarters of it. */
  forMs: number;
  /** Kinds to draw from; default all but `bandwidth`. */
  kinds?: readonly string[];
  /** Most faults in one plan; default 4. */
  faultsMax?: number;
}

const KINDS = [
  'kill',
  'restart',
  'pause',
  'add',
  'remove',
  'drain',
  'latency',
  'failStatus',
  'blackhole',
  'resetConnections',
  'partition',
];

/**
 * Plans of at most `faultsMax` faults, each instance struck at most once, so that a plan shrinks to any part of itself and
 * stays valid. What makes instances unavailable leaves at least one alone.
 */
export function arbitraryFaults(options: FaultArbitraryOptions): fc.Arbitrary<FaultSpec[]> {
  const { service, instances, forMs, kinds = KINDS, faultsMax = 4 } = options;
  const strikes = Math.min(faultsMax, Math.max(0, instances - 1));
  return fc.subarray([...kinds], { minLength: 1 }).chain((enabled) => {
    const one = fc.record({
      kind: fc.constantFrom(...enabled),
      instance: fc.nat({ max: instances - 1 }),
      atMs: fc.integer({ min: 1, max: Math.floor(forMs / 20) }).map((step) => step * 10),
      lastsMs: fc.integer({ min: 1, max: Math.max(1, Math.floor(forMs / 400)) }).map((step) => step * 100),
      size: fc.integer({ min: 1, max: 4 }),
    });
    return fc
      .uniqueArray(one, { selector: (drawn) => drawn.instance, maxLength: strikes })
      .map((drawn) => drawn.map((draw) => faultOf(service, draw)).sort((a, b) => a.atMs - b.atMs));
  });
}

interface Draw {
  kind: string;
  instance: number;
  atMs: number;
  lastsMs: number;
  size: number;
}

function faultOf(service: string, { kind, instance, atMs, lastsMs, size }: Draw): FaultSpec {
  if (kind === 'add') return { atMs, kind, target: service, params: { count: size } };
  const target = `${service}/${instance}`;
  return { atMs, kind, target, params: paramsOf(kind, lastsMs, size) };
}

function paramsOf(kind: string, lastsMs: number, size: number): Record<string, unknown> {
  if (kind === 'latency') return { add: size * 20, for: lastsMs };
  if (kind === 'failStatus') return { status: 14, share: size / 4, for: lastsMs };
  if (kind === 'bandwidth') return { bytesPerSecond: size * 1_000, for: lastsMs };
  if (kind === 'pause' || kind === 'blackhole' || kind === 'partition') return { for: lastsMs };
  return {};
}
