/** Clusters and routes in the virtual world: who gets which call, changed how, with whose policies. */
import { expect, test } from 'vitest';
import { ENDPOINT_CHANGES, Kind } from '../../../sim/journal/events.ts';
import type { SidecarSpec } from '../../../sim/spec/scenario.ts';
import { type Events, rig } from './rig.ts';

async function run(sidecar: SidecarSpec, method: string | null = null, status = 0) {
  const mesh = await rig({ instances: 4, sidecar });
  if (status > 0) {
    const rule = { status, share: 1, method, afterHeaders: false };
    for (const instance of [2, 3]) await mesh.apply({ op: 'fail', instance, fault: 0, rule });
  }
  mesh.load({ forMs: 200 });
  await mesh.to(500);
  return mesh.finish();
}
const at = (events: Events, instance: number) =>
  events.of(Kind.attemptArrived, (one) => one.instance === instance).length;
const ends = (events: Events) => new Set(events.of(Kind.callEnd).map(({ code }) => code));
const clusters = { next: { instances: [2, 3] } };

test('a route leads to its cluster, a route of its own policies too; what has none ends UNIMPLEMENTED', async () => {
  const events = await run({ clusters, routes: [{ cluster: 'next', timeout: { callMs: 50 } }] });
  expect([0, 1, 2, 3].map((instance) => at(events, instance))).toEqual([0, 0, 100, 100]);
  expect(ends(await run({ clusters, routes: [{ match: { method: 'Other' }, cluster: 'next' }] }))).toEqual(
    new Set([12]),
  );
});

test('a cluster’s retries, and a route’s instead', async () => {
  const once = { next: { instances: [2, 3], retry: { attempts: 1 } } };
  const events = await run({ clusters: once, routes: [{ cluster: 'next' }] }, null, 14);
  expect([at(events, 2) + at(events, 3), ends(events)]).toEqual([200, new Set([14])]);
  const budget = { attempts: 3, budget: 1, budgetMinConcurrent: 10_000 };
  const again = await run({ clusters: once, routes: [{ cluster: 'next', retry: budget }] }, null, 14);
  expect(at(again, 2) + at(again, 3)).toBe(600);
});

test('endpoints are told what the route says', async () => {
  const rewrite = { method: 'Changed' };
  const events = await run(
    { clusters, routes: [{ cluster: 'next', rewrite }] },
    '/my_service.MyService/Changed',
    8,
  );
  expect(ends(events)).toEqual(new Set([8]));
});

test('copies arrive without a number, and are answered', async () => {
  const routes = [{ cluster: 'default', mirror: { cluster: 'next', share: 0.5 } }];
  const events = await run({ clusters, routes });
  const copies = events.of(Kind.attemptArrived, ({ call }) => call < 0);
  expect(copies.length).toBeGreaterThan(60);
  expect(copies.length).toBeLessThan(140);
  expect(copies.every(({ instance }) => instance >= 2)).toBe(true);
  expect(events.of(Kind.attemptAnswered, ({ call }) => call < 0)).toHaveLength(copies.length);
  expect(ends(events)).toEqual(new Set([0]));
});

test('a route’s rate limit, one for all its clusters', async () => {
  const limited = { split: { default: 1, next: 1 }, rateLimit: { perSecond: 100, burst: 10, status: 8 } };
  const events = await run({ clusters, routes: [limited] });
  const served = events.of(Kind.callEnd, ({ code }) => code === 0).length;
  expect(served).toBeGreaterThanOrEqual(28);
  expect(served).toBeLessThanOrEqual(30);
  expect(ends(events)).toEqual(new Set([0, 8]));
});

test('an instance of two clusters leaves one of them and is back; the other has it all the time', async () => {
  const shared = { orders: { instances: [0] }, users: { instances: [0, 1] } };
  const routes = [{ split: { orders: 1, users: 1 } }];
  const mesh = await rig({ instances: 2, sidecar: { retry: { attempts: 1 }, clusters: shared, routes } });
  const list = (listed: boolean) => mesh.apply({ op: 'list', instance: 0, cluster: 'users', listed });
  mesh.load({ forMs: 600 });
  await list(true);
  await mesh.to(100);
  await list(false);
  await list(false);
  await mesh.to(300);
  await list(true);
  await mesh.to(1_000);
  const events = await mesh.finish();
  expect(ends(events)).toEqual(new Set([0]));
  expect(events.of(Kind.clusterMember).map(({ code, detail }) => [code, detail])).toEqual([
    [0, 1],
    [1, 1],
  ]);
  const seen = events.of(Kind.endpointChanged, ({ tMs, instance }) => tMs > 0 && instance === 0);
  const names = seen.map(({ code }) => ENDPOINT_CHANGES[code]);
  expect(names.filter((name) => name === 'removed' || name === 'added')).toEqual(['removed', 'added']);
  // The orders go to it meanwhile, and nobody else.
  const during = events.of(Kind.attemptArrived, ({ tMs }) => tMs > 130 && tMs < 300);
  expect(new Set(during.map(({ instance }) => instance))).toEqual(new Set([0, 1]));
});
