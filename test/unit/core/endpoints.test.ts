import { seeded } from '../policy/members.ts';
import { describe, expect, it } from 'vitest';
import type { Observer } from '../../../proxy/core/observer.ts';
import { DEFAULT_BALANCER } from '../../../proxy/policy/config.ts';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import { FakeMesh, MS, RESPONSE } from './fake-mesh.ts';

const HEALTH = {
  mode: 'check' as const,
  jitter: 0.2,
  intervalMs: 100,
  timeoutMs: 50,
  unhealthyThreshold: 2,
  healthyThreshold: 2,
  service: '',
};

/** Answers the open check of an endpoint with a serving status. */
function answerCheck(mesh: FakeMesh, id: string, serving: number): void {
  const stream = mesh.link(id).last;
  expect(stream.headers?.path).toBe('/grpc.health.v1.Health/Check');
  mesh.port(id).onHeaders(stream, RESPONSE, false);
  mesh.port(id).onData(stream, Uint8Array.of(0, 0, 0, 0, 2, 8, serving), false);
  mesh.port(id).onTrailers(stream, headerBlock([['grpc-status', '0']]));
}

describe('endpoints', () => {
  it('LB-24: an empty set fails at once, and recovers when one comes', () => {
    const mesh = new FakeMesh([]);
    expect(mesh.call().status).toBe(14);
    mesh.endpoints(['a']);
    const call = mesh.call();
    mesh.reply('a');
    expect(call.status).toBe(0);
  });

  it('calls wait while endpoints are being reached for the first time, and fail when none can be', () => {
    const mesh = new FakeMesh(2, { silent: true });
    const call = mesh.call();
    expect(call.ended).toBe(false);
    mesh.dialled[0]?.handleDialFailed('ECONNREFUSED');
    expect(call.ended).toBe(false);
    mesh.dialled[1]?.handleDialFailed('ECONNREFUSED');
    expect(call.status).toBe(14);
    expect(call.message).toContain('a (a:1): cannot connect: ECONNREFUSED');
    expect(mesh.call().status).toBe(14);
  });

  it('OV-10: a call whose deadline passes while it waits is not sent', () => {
    const mesh = new FakeMesh(1, { silent: true });
    const call = mesh.call('x', [['grpc-timeout', '50m']]);
    mesh.pass(60 * MS);
    expect(call.status).toBe(4);
    const link = mesh.connect(mesh.dialled[0] as never);
    expect(link.streams).toHaveLength(0);
    expect(mesh.sidecar.stats().callsWaiting).toBe(0);
  });

  it('LB-27: one endpoint that hangs in connect does not hold calls up, and its dial is abandoned', () => {
    const mesh = new FakeMesh(2, { silent: true });
    const [first, second] = mesh.dialled.splice(0);
    mesh.connect(first as never);
    mesh.call();
    expect(mesh.link('a').streams).toHaveLength(1);
    mesh.pass(1_001 * MS);
    expect(mesh.abandoned).toEqual([second]);
  });

  it('LB-28: a lost endpoint is dialled again without a call, with growing waits', () => {
    const mesh = new FakeMesh(1, { silent: true, random: () => 0.5 });
    mesh.connect(mesh.dialled.splice(0)[0] as never);
    mesh.cut('a');
    const gaps: number[] = [];
    for (let dial = 0; dial < 8; dial++) {
      expect(mesh.dialled).toHaveLength(1);
      mesh.dialled.splice(0)[0]?.handleDialFailed('ECONNREFUSED');
      let waited = 0;
      while (mesh.dialled.length === 0 && waited < 5_000) {
        mesh.pass(1 * MS);
        waited++;
      }
      gaps.push(waited);
    }
    expect(gaps).toEqual([100, 160, 256, 410, 656, 1_049, 1_678, 2_000]);
  });

  it('LB-28: one that accepts and closes is dialled again at once the first time, then with growing waits, until it serves', () => {
    const mesh = new FakeMesh(1, { silent: true, random: () => 0.5 });
    const waits: number[] = [];
    const cutAndWait = (): void => {
      mesh.connectAll();
      mesh.cut('a');
      let waitedMs = 0;
      for (; mesh.dialled.length === 0; waitedMs++) mesh.pass(1 * MS);
      waits.push(waitedMs);
    };
    for (let i = 0; i < 4; i++) cutAndWait();
    expect(waits).toEqual([0, 100, 160, 256]);
    mesh.connectAll();
    mesh.call();
    mesh.reply('a');
    mesh.cut('a');
    expect(mesh.dialled).toHaveLength(1);
    mesh.connectAll();
    mesh.pass(1_000 * MS);
    mesh.cut('a');
    expect(mesh.dialled).toHaveLength(1);
  });

  it('TE-10, TE-12: through any churn the endpoints that are told of are the members, and those that are gone leave no trace', () => {
    const mesh = new FakeMesh([]);
    const random = seeded(1);
    let names: string[] = [];
    const sizes: number[] = [];
    for (let round = 0; round < 300; round++) {
      const first = round * 7;
      names = Array.from({ length: 1 + Math.floor(random() * 30) }, (_, i) => `e${first + i}`);
      const draining = names.filter(() => random() < 0.2);
      mesh.endpoints(names, draining);
      for (const id of names) if (random() < 0.2 && mesh.links.get(id)?.closed === false) mesh.cut(id);
      mesh.pass(3_000 * MS);
      const told = mesh.sidecar.clusters();
      const connected = names.filter((id) => mesh.links.get(id)?.closed === false);
      const alive = connected.filter((id) => !draining.includes(id));
      expect(told.map(({ id }) => id)).toEqual(names);
      expect(told.filter((one) => one.pickable).map(({ id }) => id)).toEqual(alive);
      expect(told.filter((one) => one.draining).map(({ id }) => id)).toEqual(draining);
      expect(told.filter((one) => one.connected).map(({ id }) => id)).toEqual(connected);
      expect(mesh.sidecar.stats().connectionsUpstream).toBe(
        told.reduce((sum, one) => sum + one.connections, 0),
      );
      sizes.push(Object.keys(mesh.sidecar.stats()).length);
    }
    expect(new Set(sizes).size).toBe(1);
    expect(mesh.sidecar.stats().timersArmed).toBe(0);
  });

  it('DC-01, DC-02: a removed endpoint gets no new call and finishes what it has', () => {
    const mesh = new FakeMesh(2);
    const calls = [mesh.call(), mesh.call()];
    const old = mesh.link('b');
    mesh.endpoints(['a']);
    for (let i = 0; i < 4; i++) mesh.call();
    expect(old.streams).toHaveLength(1);
    expect(old.closed).toBe(false);
    mesh.reply('b', 'late');
    expect(calls.map((call) => call.text)).toContain('late');
    expect(old.closed).toBe(true);
  });

  it('DC-04: a draining endpoint gets no new call and finishes what it has', () => {
    const mesh = new FakeMesh(2);
    mesh.call();
    mesh.call();
    mesh.endpoints(['a', 'b'], ['b']);
    for (let i = 0; i < 4; i++) mesh.call();
    expect(mesh.counts()).toEqual({ a: 5, b: 1 });
    mesh.reply('b');
    mesh.endpoints(['a', 'b']);
    mesh.call();
    mesh.call();
    expect(mesh.counts()['b']).toBe(2);
  });

  it('DC-05, LB-25: an address that comes twice is one endpoint', () => {
    const mesh = new FakeMesh(['a', 'b', 'a']);
    for (let i = 0; i < 4; i++) mesh.call();
    expect(mesh.counts()).toEqual({ a: 2, b: 2 });
    mesh.endpoints(['b']);
    expect(mesh.sidecar.clusters().map(({ id }) => id)).toEqual(['b']);
  });

  it('DC-21, DC-22: the same set in another order changes nothing', () => {
    const changes: string[] = [];
    const observer = {
      endpointChanged: (_t: number, id: string, what: string) => changes.push(`${id} ${what}`),
    };
    const mesh = new FakeMesh(3, { observer: { ...silence, ...observer } as Observer });
    const before = changes.length;
    mesh.endpoints(['c', 'a', 'b']);
    expect(changes).toHaveLength(before);
    for (let i = 0; i < 3; i++) mesh.call();
    expect(mesh.counts()).toEqual({ a: 1, b: 1, c: 1 });
  });

  it('DC-20: a set that changes whole is never empty to a call', () => {
    const mesh = new FakeMesh(2, { silent: true });
    mesh.connectAll();
    mesh.endpoints(['x', 'y']);
    const call = mesh.call();
    expect(call.ended).toBe(false);
    mesh.connectAll();
    expect(mesh.where()).toHaveLength(1);
  });

  it('DC-19: flapping leaks nothing', () => {
    const mesh = new FakeMesh(2);
    for (let flap = 0; flap < 500; flap++) {
      mesh.endpoints(['a']);
      mesh.endpoints(['a', 'b']);
    }
    const { connectionsUpstream } = mesh.sidecar.stats();
    expect(connectionsUpstream).toBe(2);
    expect(mesh.sidecar.clusters()).toHaveLength(2);
  });

  it('FO-19, FO-21: GOAWAY is no failure: open calls finish, new ones wait for the next connection', () => {
    const mesh = new FakeMesh(1, { silent: true });
    mesh.connect(mesh.dialled.splice(0)[0] as never);
    const open = mesh.call();
    const oldLink = mesh.link('a');
    const oldPort = mesh.port('a');
    oldLink.capacity = 0;
    oldPort.onCapacity(true);
    const next = mesh.call();
    expect(next.ended).toBe(false);
    mesh.reply('a');
    expect(open.status).toBe(0);
    expect(oldLink.closed).toBe(true);
    mesh.connectAll();
    mesh.reply('a');
    expect(next.status).toBe(0);
  });

  it('MS-32: who was pinged too often is pinged half as often on the next connection, and so on', () => {
    const mesh = new FakeMesh(1, { silent: true });
    mesh.connectAll();
    const goAway = (): void => {
      mesh.port('a').onCapacity(true);
      for (let waits = 0; waits < 2_000 && mesh.dialled.length === 0; waits++) mesh.pass(100e6);
      mesh.connectAll();
    };
    const slowness = Array.from({ length: 12 }, () => {
      const link = mesh.link('a');
      link.pingedTooOften = true;
      goAway();
      return mesh.link('a').slowness;
    });
    expect(slowness).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 1_024, 1_024]);
    goAway();
    expect(mesh.link('a').slowness).toBe(1_024);
  });

  it('MS-32: where several connections say so at once it is half as often, too', () => {
    const mesh = new FakeMesh(1, { silent: true });
    const first = mesh.connect(mesh.dialled.splice(0)[0] as never);
    const ports = [mesh.port('a')];
    first.capacity = 1;
    for (let n = 0; n < 2; n++) mesh.call();
    const second = mesh.connect(mesh.dialled.splice(0)[0] as never);
    ports.push(mesh.port('a'));
    for (const link of [first, second]) link.pingedTooOften = true;
    for (const port of ports) port.onCapacity(true);
    mesh.connectAll();
    expect(mesh.link('a').slowness).toBe(2);
  });

  it('LC-01: draining says GOAWAY twice, calls in flight finish, new ones are still taken in between', () => {
    const mesh = new FakeMesh(1);
    const open = mesh.call();
    mesh.sidecar.drain();
    expect(mesh.caller.goAways).toEqual([false]);
    expect(mesh.sidecar.ready).toBe(false);
    mesh.pass(60 * MS);
    expect(mesh.caller.goAways).toEqual([false, true]);
    expect(mesh.sidecar.drained).toBe(false);
    mesh.reply('a');
    expect(open.status).toBe(0);
    expect(mesh.sidecar.drained).toBe(true);
  });
});

describe('health', () => {
  it('LC-05, FO-29: an endpoint is picked only after its first check says SERVING', () => {
    const mesh = new FakeMesh(1, { config: { health: HEALTH } });
    const call = mesh.call();
    expect(mesh.sidecar.ready).toBe(false);
    answerCheck(mesh, 'a', 1);
    expect(mesh.sidecar.ready).toBe(true);
    expect(mesh.link('a').last.text).toBe('hi');
    mesh.reply('a');
    expect(call.status).toBe(0);
    for (const serving of [0, 2, 3]) {
      const other = new FakeMesh(1, { config: { health: HEALTH } });
      answerCheck(other, 'a', serving);
      expect(other.call().status).toBe(14);
    }
  });

  it('FO-29: a server without the health service is healthy', () => {
    const mesh = new FakeMesh(1, { config: { health: HEALTH } });
    mesh.refuse('a', 12);
    expect(mesh.sidecar.ready).toBe(true);
  });

  it('FO-30: thresholds: F S F F takes it out at the last, S S brings it back', () => {
    const mesh = new FakeMesh(1, { config: { health: HEALTH } });
    const seen: boolean[] = [];
    for (const serving of [1, 2, 1, 2, 2, 1, 1]) {
      for (let ms = 0; ms < 150 && mesh.link('a').open.length === 0; ms++) mesh.pass(1 * MS);
      answerCheck(mesh, 'a', serving);
      seen.push(mesh.sidecar.ready);
    }
    expect(seen).toEqual([true, true, true, true, false, false, true]);
  });

  it('FO-31: a hung check is a failed check, and takes its connection with it', () => {
    const mesh = new FakeMesh(2, { config: { health: { ...HEALTH, timeoutMs: 10 } }, silent: true });
    mesh.connectAll();
    answerCheck(mesh, 'a', 1);
    answerCheck(mesh, 'b', 1);
    const stuck = [mesh.call(), mesh.call()];
    const a = mesh.link('a');
    for (let step = 0; step < 400 && !a.closed; step++) {
      mesh.pass(1 * MS);
      const last = mesh.link('b').last;
      if (last.user !== null && last.headers?.path === '/grpc.health.v1.Health/Check')
        answerCheck(mesh, 'b', 1);
    }
    expect(a.closed).toBe(true);
    expect(mesh.link('b').open).toHaveLength(2);
    expect(stuck.every((call) => !call.ended)).toBe(true);
    expect(mesh.sidecar.clusters()[0]?.trouble).toContain('health check');
  });

  it('FO-32: checks of many sidecars part ways, and a removed endpoint is not checked', () => {
    const due = new Set<number>();
    for (let seed = 0; seed < 20; seed++) {
      const mesh = new FakeMesh(1, { config: { health: HEALTH }, random: () => seed / 20 });
      answerCheck(mesh, 'a', 1);
      const begin = mesh.nowNs;
      while (mesh.link('a').streams.length === 1 && mesh.nowNs < begin + 200 * MS) mesh.pass(1 * MS);
      due.add(Math.round((mesh.nowNs - begin) / MS));
    }
    expect(due.size).toBeGreaterThan(15);
    const mesh = new FakeMesh(1, { config: { health: HEALTH } });
    answerCheck(mesh, 'a', 1);
    mesh.endpoints([]);
    mesh.pass(1_000 * MS);
    expect(mesh.link('a').streams).toHaveLength(1);
  });

  it('LB-18, LB-19: when too few are well, health does not count; draining ones stay out, and it ends', () => {
    const config = { health: HEALTH, balancer: { ...DEFAULT_BALANCER, panicThreshold: 0.5 } };
    const mesh = new FakeMesh(4, { config });
    const states: Record<string, number> = { a: 1, b: 1, c: 1, d: 1 };
    /** Lets time pass for three checks of each, and tells who is pickable then. */
    const pickable = (): string => {
      for (let ms = 0; ms < 400; ms += 2) {
        for (const [id, serving] of Object.entries(states)) {
          if (mesh.link(id).open.length > 0) answerCheck(mesh, id, serving);
        }
        mesh.pass(2 * MS);
      }
      const able = mesh.sidecar.clusters().filter((one) => one.pickable);
      return able.map(({ id }) => id).join('');
    };
    expect(pickable()).toBe('abcd');
    states['a'] = 2;
    expect(pickable()).toBe('bcd');
    states['b'] = 2;
    expect(pickable()).toBe('cd');
    // One of four would be left: below one half.
    states['c'] = 2;
    expect(pickable()).toBe('abcd');
    mesh.endpoints(['a', 'b', 'c', 'd'], ['a']);
    expect(pickable()).toBe('bcd');
    // One that was not checked yet is none of those that were.
    mesh.endpoints(['a', 'b', 'c', 'd', 'e'], ['a']);
    expect(mesh.sidecar.clusters().find(({ id }) => id === 'e')).toMatchObject({
      connected: true,
      pickable: false,
    });
    mesh.endpoints(['a', 'b', 'c', 'd'], ['a']);
    states['c'] = 1;
    expect(pickable()).toBe('cd');
  });
});

const silence: Observer = {
  callStarted: () => -1,
  attemptSent: () => {},
  responseStarted: () => {},
  attemptEnded: () => {},
  callEnded: () => {},
  endpointChanged: () => {},
};
