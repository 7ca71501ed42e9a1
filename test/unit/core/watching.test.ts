/** Health by `Watch`, and health by connecting only. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_HEALTH, type HealthConfig } from '../../../proxy/policy/config.ts';
import { nextCheckNs } from '../../../proxy/policy/check-schedule.ts';
import { HealthState } from '../../../proxy/policy/health.ts';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import { FakeLink, FakeMesh, type FakeStream, MS, RESPONSE } from './fake-mesh.ts';

const says = (status: number): number[] => [0, 0, 0, 0, 2, 8, status];

function meshWith(health: Partial<HealthConfig>, count = 1, silent = false): FakeMesh {
  const config = { health: { ...DEFAULT_HEALTH, intervalMs: 100, timeoutMs: 50, ...health } };
  return new FakeMesh(count, { config, silent, random: () => 0.999 });
}

describe('watching', () => {
  const watch = { mode: 'watch' } as const;
  const stream = (mesh: FakeMesh): FakeStream => mesh.link('a').streams.filter(isWatch).at(-1) as FakeStream;
  const isWatch = ({ headers }: FakeStream): boolean => headers?.path === '/grpc.health.v1.Health/Watch';
  const tell = (mesh: FakeMesh, ...octets: number[]): void =>
    mesh.port('a').onData(stream(mesh), Uint8Array.from(octets), false);
  const begin = (mesh: FakeMesh): FakeMesh => {
    mesh.port('a').onHeaders(stream(mesh), RESPONSE, false);
    return mesh;
  };
  const trouble = (mesh: FakeMesh): string => mesh.sidecar.clusters()[0]?.trouble ?? '';

  it('FO-29: what the stream says counts at once, in pieces and several at a time', () => {
    const mesh = begin(meshWith(watch));
    expect(stream(mesh).text).toBe('\0\0\0\0\0');
    expect(mesh.sidecar.ready).toBe(false);
    tell(mesh, 0, 0, 0);
    tell(mesh, ...says(1).slice(3));
    expect(mesh.sidecar.ready).toBe(true);
    tell(mesh, ...says(2));
    expect([mesh.sidecar.ready, trouble(mesh)]).toEqual([false, 'its health watch says NOT_SERVING']);
    tell(mesh, ...says(2), ...says(1));
    expect(mesh.sidecar.ready).toBe(true);
    tell(mesh, 0, 0, 0, 0, 0);
    expect(trouble(mesh)).toBe('its health watch says UNKNOWN');
    mesh.pass(10_000 * MS);
    expect(mesh.sidecar.stats()).toMatchObject({ healthChecks: 1, healthChecksFailed: 2 });
    expect(stream(mesh).consumed).toBe(33);
  });

  it('FO-29: a stream that breaks is unhealthy until another one, after the interval, says otherwise', () => {
    const ends: Record<string, (mesh: FakeMesh) => void> = {
      'was cut off': (mesh) => mesh.port('a').onReset(stream(mesh), 2, false),
      'ended with status 13': (mesh) =>
        mesh.port('a').onTrailers(stream(mesh), headerBlock([['grpc-status', '13']])),
      'ended with status 0': (mesh) =>
        mesh.port('a').onTrailers(stream(mesh), headerBlock([['grpc-status', '0']])),
      'ended with status 2': (mesh) => mesh.port('a').onData(stream(mesh), Uint8Array.of(), true),
      'said too much': (mesh) => tell(mesh, 0, 0, 0, 1, 0),
      'said too': (mesh) => tell(mesh, ...Array<number>(66).fill(0).fill(1, 3, 5)),
    };
    for (const [words, end] of Object.entries(ends)) {
      const mesh = begin(meshWith(watch));
      tell(mesh, ...says(1));
      mesh.pass(1_000 * MS);
      end(mesh);
      expect([mesh.sidecar.ready, trouble(mesh)]).toEqual([false, expect.stringContaining(words)]);
      mesh.pass(110 * MS);
      expect(mesh.link('a').streams.filter(isWatch)).toHaveLength(2);
      begin(mesh);
      tell(mesh, ...says(1));
      expect(mesh.sidecar.ready).toBe(true);
    }
  });

  it('FO-31: a watch without a first word in time has failed, and takes its connection with it', () => {
    const mesh = meshWith({ ...watch, unhealthyThreshold: 1 }, 1, true);
    mesh.connectAll();
    mesh.pass(51 * MS);
    expect(trouble(mesh)).toContain('no answer to a health watch within 50 ms');
    const said = begin(meshWith(watch));
    tell(said, ...says(1));
    said.pass(49 * MS);
    expect(said.sidecar.ready).toBe(true);
  });

  it('FO-29: a server without the service serves, whichever way it says so', () => {
    const inTrailers = begin(meshWith(watch));
    inTrailers.port('a').onTrailers(stream(inTrailers), headerBlock([['grpc-status', '12']]));
    expect(inTrailers.sidecar.ready).toBe(true);
    const atOnce = meshWith(watch);
    atOnce.refuse('a', 12);
    atOnce.pass(10_000 * MS);
    expect([atOnce.sidecar.ready, atOnce.sidecar.stats().healthChecks]).toEqual([true, 1]);
    atOnce.endpoints([]);
    expect(atOnce.sidecar.stats()).toMatchObject({ healthChecks: 1, connectionsUpstream: 0 });
    const http = meshWith(watch);
    http.port('a').onHeaders(stream(http), headerBlock([[':status', '404']]), true);
    expect(http.sidecar.ready).toBe(true);
    const broken = begin(meshWith(watch));
    broken.port('a').onTrailers(stream(broken), headerBlock([['x', 'y']]));
    expect(trouble(broken)).toContain('ended with status 2');
  });

  it('FO-32, FO-19: it holds no connection open that is to go, and none of an endpoint that left', () => {
    const mesh = begin(meshWith(watch));
    tell(mesh, ...says(1));
    const old = stream(mesh);
    const port = mesh.port('a');
    mesh.silent = true;
    port.onCapacity(true);
    expect(old.resetCode).toBe(8);
    expect(mesh.sidecar.ready).toBe(true);
    mesh.connectAll();
    begin(mesh);
    tell(mesh, ...says(1));
    const fresh = stream(mesh);
    mesh.endpoints([]);
    expect(fresh.resetCode).toBe(8);
    mesh.pass(1_000 * MS);
    expect(mesh.sidecar.stats()).toMatchObject({ healthChecks: 2, connectionsUpstream: 0 });
  });

  it('FO-29: goes on on another connection where its own is to go', () => {
    const mesh = meshWith(watch, 1, true);
    const link = mesh.connect(mesh.dialled.splice(0)[0] as never);
    const port = mesh.port('a');
    begin(mesh);
    tell(mesh, ...says(1));
    link.capacity = 1;
    mesh.call();
    mesh.connectAll();
    port.onCapacity(true);
    expect(mesh.sidecar.clusters()[0]).toMatchObject({ connections: 1, pickable: true });
    begin(mesh);
    tell(mesh, ...says(2));
    expect(trouble(mesh)).toBe('its health watch says NOT_SERVING');
  });

  it('waits for room, and for a connection', () => {
    const mesh = meshWith(watch, 1, true);
    const link = mesh.connectFull(mesh.dialled.splice(0)[0] as never);
    mesh.pass(250 * MS);
    expect(link.streams).toHaveLength(0);
    link.capacity = 1;
    mesh.pass(110 * MS);
    expect(link.streams).toHaveLength(1);
    // A further connection starts none beside it.
    mesh.port('a').onHeaders(link.last, RESPONSE, false);
    tell(mesh, ...says(1));
    mesh.call();
    mesh.connectAll();
    expect(mesh.sidecar.stats().healthChecks).toBe(1);
    mesh.port('a').onCapacity(true);
    const gone = meshWith(watch, 1, true);
    gone.connectAll();
    gone.cut('a');
    gone.pass(1_000 * MS);
    expect(gone.sidecar.stats().healthChecks).toBe(1);
  });
});

describe('connecting only', () => {
  const tcp = { mode: 'tcp', unhealthyThreshold: 2 } as const;
  const checkLink = new FakeLink();
  /** The dial that belongs to the check, not to calls. */
  const check = (mesh: FakeMesh) =>
    mesh.dialled.splice(0)[0] as never as { handleDialFailed(reason: string): void };

  it('FO-29, FO-30: a connection that comes about is health, and is closed; so many that do not are none', () => {
    const mesh = meshWith(tcp, 1, true);
    mesh.connectAll();
    expect(mesh.sidecar.ready).toBe(false);
    const link = mesh.connect(mesh.dialled.splice(0)[0] as never, new FakeLink());
    expect([link.closed, mesh.sidecar.ready]).toEqual([true, true]);
    for (const [afterMs, ready] of [
      [100, true],
      [60, false],
    ] as const) {
      mesh.pass(afterMs * MS);
      check(mesh).handleDialFailed('refused');
      expect(mesh.sidecar.ready).toBe(ready);
    }
    expect(mesh.sidecar.clusters()[0]?.trouble).toBe('its health check failed: refused');
    mesh.pass(90 * MS);
    const [port] = mesh.dialled.splice(0);
    port?.attach(checkLink);
    port?.handleLosing();
    for (const event of [
      'onHeaders',
      'onData',
      'onTrailers',
      'onReset',
      'onDrained',
      'onCapacity',
      'onClose',
    ] as const)
      (port as unknown as Record<string, () => void>)[event]?.();
    expect([checkLink.closed, mesh.sidecar.ready]).toEqual([true, true]);
    expect(mesh.sidecar.stats()).toMatchObject({ healthChecks: 4, healthChecksFailed: 2 });
  });

  it('FO-31, FO-32: one that hangs has failed and is given up; a removed endpoint is not checked', () => {
    const mesh = meshWith({ ...tcp, unhealthyThreshold: 1 }, 1, true);
    mesh.connectAll();
    mesh.pass(50 * MS);
    expect(mesh.abandoned).toHaveLength(1);
    const late = mesh.abandoned[0];
    late?.handleDialFailed('too late');
    late?.handleConnected(new FakeLink());
    expect(mesh.sidecar.clusters()[0]?.trouble).toContain('no connection within 50 ms');
    expect(mesh.sidecar.stats().healthChecksFailed).toBe(1);
    const gone = meshWith(tcp, 1, true);
    gone.connectAll();
    gone.endpoints([]);
    gone.pass(1_000 * MS);
    expect(gone.abandoned).toHaveLength(1);
    expect(gone.sidecar.stats().healthChecks).toBe(1);
    const between = meshWith(tcp, 1, true);
    between.connectAll();
    check(between).handleDialFailed('refused');
    between.endpoints([]);
    between.pass(1_000 * MS);
    expect(between.sidecar.stats().healthChecks).toBe(1);
  });

  it('FO-32: one at a time, and not again because of another connection', () => {
    const mesh = meshWith(tcp, 1, true);
    const [calls] = mesh.dialled.splice(0);
    const link = mesh.connect(calls as never);
    const [probe] = mesh.dialled.splice(0);
    // The connection is lost and comes back while the check is under way.
    link.closed = true;
    calls?.onClose('gone');
    mesh.connectAll();
    expect(mesh.sidecar.stats().healthChecks).toBe(1);
    probe?.handleDialFailed('refused');
    expect(mesh.sidecar.stats().healthChecksFailed).toBe(1);
  });
});

describe('when the next check comes', () => {
  const config = { ...DEFAULT_HEALTH, intervalMs: 1_000, timeoutMs: 300, jitter: 0.2 };

  it('FO-32: after an interval from the beginning of the last, shorter by the jitter; the second at any time', () => {
    const at = (checks: number, random: number, nowNs = 0): number =>
      nextCheckNs(config, 0, nowNs, checks, false, random) / MS;
    expect([at(2, 0), at(2, 0.5), at(2, 0.999_999_999)]).toEqual([1_000, 900, expect.closeTo(800, 3)]);
    expect([at(1, 0.25), at(1, 0)]).toEqual([250, 1]);
    expect([at(2, 0, 400 * MS), at(2, 0, 5_000 * MS)]).toEqual([600, 1]);
  });

  it('FO-34: sooner on the edge, so that all have failed within threshold × interval', () => {
    for (const unhealthyThreshold of [2, 3, 5]) {
      const edge = { ...config, unhealthyThreshold, jitter: 0 };
      let startedNs = nextCheckNs(edge, 0, 0, 9, false, 0);
      for (let check = 1; check < unhealthyThreshold; check++) {
        const failedNs = startedNs + edge.timeoutMs * MS;
        startedNs = failedNs + nextCheckNs(edge, startedNs, failedNs, 9, true, 0);
      }
      expect(startedNs + edge.timeoutMs * MS).toBeLessThanOrEqual(unhealthyThreshold * edge.intervalMs * MS);
    }
    const state = new HealthState();
    const seen = [true, false, true, false, false].map((success) => {
      state.record(config, success);
      return state.onEdge;
    });
    expect(seen).toEqual([false, true, false, true, false]);
  });
});
