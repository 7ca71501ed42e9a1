import { expect, test } from 'vitest';
import { clustersOf, type Member, notReadyOf, statsOf } from '../../../proxy/host/one-view.ts';
import type { HostStats } from '../../../proxy/host/carrier-stats.ts';
import type { ClusterEndpoint } from '../../../proxy/core/machine.ts';

const endpoint = (change: Partial<ClusterEndpoint>): ClusterEndpoint => ({
  id: 'a',
  address: 'a:1',
  pickable: true,
  connected: true,
  healthy: true,
  draining: false,
  weight: 1,
  priority: 0,
  locality: '',
  ejected: false,
  connections: 1,
  attemptsAlive: 2,
  attemptsStarted: 3,
  trouble: '',
  ...change,
});
const member = (worker: number, endpoints: ClusterEndpoint[], notReady = ''): Member => {
  const stats = { callsStarted: worker, callsByStatus: [worker, 0, 5] } as unknown as HostStats;
  return { worker, pid: 100 + worker, trouble: '', view: { notReady, stats, endpoints, trouble: null } };
};
const dead: Member = { worker: 3, pid: 103, view: null, trouble: 'it died' };

test('ready only when all are; the first reason is told', () => {
  expect(notReadyOf([member(1, []), member(2, [])])).toBe('');
  expect(notReadyOf([member(1, []), member(2, [], 'draining'), dead])).toBe('worker 2: draining');
  expect(notReadyOf([member(1, []), dead])).toBe('worker 3: it died');
});

test('stats: sums, element by element, and each worker; a dead one says so', () => {
  expect(statsOf([member(1, []), member(2, []), dead])).toEqual({
    callsStarted: 3,
    callsByStatus: [3, 0, 10],
    workers: [
      { worker: 1, pid: 101, callsStarted: 1, callsByStatus: [1, 0, 5] },
      { worker: 2, pid: 102, callsStarted: 2, callsByStatus: [2, 0, 5] },
      { worker: 3, pid: 103, trouble: 'it died' },
    ],
  });
});

test('clusters: pickable when every worker can pick it', () => {
  const lost = endpoint({ pickable: false, connected: false, connections: 0, trouble: 'ECONNREFUSED' });
  const { endpoints } = clustersOf([
    member(1, [endpoint({})]),
    member(2, [lost, endpoint({ address: 'b:1' })]),
  ]);
  expect(endpoints).toEqual([
    endpoint({
      pickable: false,
      connected: false,
      attemptsAlive: 4,
      attemptsStarted: 6,
      trouble: 'worker 2: ECONNREFUSED',
    }),
    endpoint({ address: 'b:1' }),
  ]);
});

test('clusters: one address in two of them is two endpoints', () => {
  const own = endpoint({ cluster: 'default' });
  const other = endpoint({ cluster: 'canary' });
  const { endpoints } = clustersOf([member(1, [own, other]), member(2, [own, other])]);
  expect(endpoints).toMatchObject([{ cluster: 'default' }, { cluster: 'canary' }]);
});

test.each([
  [true, true, true],
  [true, null, null],
  [null, false, false],
  [false, true, false],
])('health %s and %s is %s', (one, other, both) => {
  const members = [member(1, [endpoint({ healthy: one })]), member(2, [endpoint({ healthy: other })])];
  expect(clustersOf(members).endpoints[0]).toMatchObject({ healthy: both });
});
