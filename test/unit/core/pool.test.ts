/** The pool of connections to one endpoint: as many as the calls at a time need, within bounds, and no more when the rush is over. */
import { describe, expect, it } from 'vitest';
import type { UpstreamPort } from '../../../proxy/core/machine.ts';
import { POOL_LOOK_NS } from '../../../proxy/core/idle-connections.ts';
import { CONNECTIONS_PER_ENDPOINT_MAX } from '../../../proxy/core/upstream.ts';
import { DEFAULT_BREAKER } from '../../../proxy/policy/failover-config.ts';
import { FakeLink, FakeMesh, type FakeStream, type MeshOptions, MS, RESPONSE } from './fake-mesh.ts';
import { headerBlock } from '../../../proxy/wire/headers.ts';

const ROOM = 10;

/** One endpoint whose connections bear ten streams each, and all the connections to it in order. */
function pool(options: MeshOptions = {}) {
  const mesh = new FakeMesh(1, { ...options, silent: true });
  const made: { port: UpstreamPort; link: FakeLink }[] = [];
  const connect = (capacity = ROOM): void => {
    for (let port = mesh.dialled.shift(); port !== undefined; port = mesh.dialled.shift()) {
      const link = new FakeLink();
      link.capacity = capacity;
      made.push({ port, link });
      mesh.connect(port, link);
    }
  };
  connect();
  const calls = (count: number): void => {
    for (let n = 0; n < count; n++) mesh.call();
    connect();
  };
  /** Ends the calls on one connection. */
  const end = (index: number): void => {
    const { port, link } = made[index] as (typeof made)[number];
    for (const stream of link.open) {
      port.onHeaders(stream, RESPONSE, false);
      port.onTrailers(stream as FakeStream, headerBlock([['grpc-status', '0']]));
    }
  };
  const loads = (): number[] => made.map(({ link }) => (link.closed ? -1 : link.open.length));
  return { mesh, connect, calls, end, loads };
}

describe('a pool of connections', () => {
  it('MS-30: has one while its streams fit, and grows by as many as the calls that wait need, without further calls', () => {
    const { mesh, calls, loads } = pool();
    calls(ROOM);
    expect(loads()).toEqual([10]);
    // All at once: the first of them that finds no room asks for a connection.
    calls(25);
    expect(loads()).toEqual([10, 10, 10, 5]);
    expect(mesh.sidecar.stats()).toMatchObject({ callsWaiting: 0, connectionsUpstream: 4 });
  });

  it('fills the first one with room, so that the last ones fall idle', () => {
    const { calls, end, loads } = pool();
    calls(25);
    end(0);
    calls(3);
    expect(loads()).toEqual([3, 10, 5]);
  });

  it('closes those that nobody needed for a while, and never the last one', () => {
    const { mesh, calls, end, loads } = pool();
    calls(30);
    end(1);
    end(2);
    mesh.pass(POOL_LOOK_NS);
    expect(loads()).toEqual([10, 0, 0]);
    // One is needed again meanwhile: it begins anew.
    calls(1);
    end(1);
    mesh.pass(POOL_LOOK_NS);
    expect(loads()).toEqual([10, 0, -1]);
    mesh.pass(POOL_LOOK_NS);
    expect(loads()).toEqual([10, -1, -1]);
    end(0);
    mesh.pass(10 * POOL_LOOK_NS);
    expect(loads()).toEqual([0, -1, -1]);
    expect(mesh.sidecar.stats().connectionsUpstream).toBe(1);
    expect(mesh.sidecar.clusters()[0]).toMatchObject({ connections: 1, pickable: true });
    expect(mesh.sidecar.nextTimeoutNs).toBe(Infinity);
    // The next rush opens others.
    calls(15);
    expect(loads()).toEqual([10, -1, -1, 5]);
  });

  it('keeps one that has a call, however long it takes', () => {
    const { mesh, calls, end, loads } = pool();
    calls(11);
    end(0);
    mesh.pass(20 * POOL_LOOK_NS);
    expect(loads()).toEqual([0, 1]);
    expect(mesh.sidecar.clusters()[0]?.connections).toBe(2);
  });

  it('does not grow for an endpoint whose new connection takes nothing', () => {
    const { mesh, connect, loads } = pool();
    for (let n = 0; n < ROOM + 5; n++) mesh.call();
    connect(0);
    expect(loads()).toEqual([10, 0]);
    expect(mesh.sidecar.stats().callsWaiting).toBe(5);
  });

  it.each([
    [{}, CONNECTIONS_PER_ENDPOINT_MAX],
    [{ circuitBreaker: { ...DEFAULT_BREAKER, endpointMaxConnections: 2 } }, 2],
    [{ circuitBreaker: { ...DEFAULT_BREAKER, maxConnections: 3 } }, 3],
  ])('grows no further than it may: %j', (config, most) => {
    const { mesh, calls, loads } = pool({ config });
    calls(200);
    expect(loads()).toEqual(Array.from({ length: most }, () => ROOM));
    expect(mesh.sidecar.stats().callsWaiting).toBe(200 - most * ROOM);
  });

  it('grows no further than it may where several endpoints need more at once', () => {
    const circuitBreaker = { ...DEFAULT_BREAKER, maxConnections: 3 };
    const mesh = new FakeMesh(2, { silent: true, config: { circuitBreaker } });
    for (const port of mesh.dialled.splice(0)) {
      const link = new FakeLink();
      link.capacity = 1;
      mesh.connect(port, link);
    }
    for (let n = 0; n < 6; n++) mesh.call();
    mesh.connectAll();
    expect(mesh.sidecar.stats().connectionsUpstream).toBe(3);
  });

  it('has the place of an endpoint that left while its connection was being made', () => {
    const circuitBreaker = { ...DEFAULT_BREAKER, maxConnections: 2 };
    const mesh = new FakeMesh(2, { silent: true, config: { circuitBreaker } });
    mesh.endpoints(['a']);
    const link = mesh.connect(mesh.dialled.splice(0)[0] as UpstreamPort);
    link.capacity = 1;
    for (let n = 0; n < 2; n++) mesh.call();
    mesh.connectAll();
    expect(mesh.sidecar.clusters()[0]?.connections).toBe(2);
  });

  it('tries again to grow only while calls wait, and within its bounds', () => {
    const circuitBreaker = { ...DEFAULT_BREAKER, maxConnections: 2 };
    const { mesh, calls } = pool({ config: { circuitBreaker } });
    /** How often it dials within ten seconds in which nothing comes about. */
    const dials = (): number => {
      let count = 0;
      for (let n = 0; n < 1_000; n++) {
        mesh.pass(10 * MS);
        for (const port of mesh.dialled.splice(0)) {
          count++;
          port.handleDialFailed('ECONNREFUSED');
        }
      }
      return count;
    };
    calls(ROOM);
    const waits = mesh.call();
    expect(dials()).toBeGreaterThan(3);
    mesh.session.onReset(waits, 8, false);
    expect(dials()).toBe(0);
    const others = mesh.call();
    mesh.dialled.shift()?.handleDialFailed('ECONNREFUSED');
    mesh.endpoints(['a', 'b']);
    mesh.connectAll();
    expect(dials()).toBe(0);
    expect(others.ended).toBe(false);
  });

  it('an endpoint that was to leave and stays has one connection', () => {
    const mesh = new FakeMesh(1, { silent: true });
    mesh.dialled.shift()?.handleDialFailed('ECONNREFUSED');
    mesh.endpoints(['a'], ['a']);
    mesh.endpoints(['a']);
    mesh.connectAll();
    mesh.pass(1_000 * MS);
    mesh.connectAll();
    expect(mesh.sidecar.clusters()[0]?.connections).toBe(1);
  });

  it('leaves no timer behind when its endpoint leaves', () => {
    const { mesh, calls, end } = pool();
    calls(20);
    end(0);
    end(1);
    mesh.endpoints([]);
    mesh.pass(POOL_LOOK_NS / 10);
    expect(mesh.sidecar.nextTimeoutNs).toBe(Infinity);
    expect(mesh.sidecar.stats().connectionsUpstream).toBe(0);
  });
});
