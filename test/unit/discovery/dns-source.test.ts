/** Endpoints from DNS, asked of a server that says what the test wants. */
import { afterEach, describe, expect, it } from 'vitest';
import { type DnsConfig, DnsSource } from '../../../proxy/discovery/dns-source.ts';
import { until } from '../../e2e/sidecar-kit.ts';
import { type Answer, type FakeDns, startDns } from './fake-dns.ts';

const leave: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of leave.splice(0).reverse()) await end();
});

const MIN_MS = 60;

async function follow(answers: Record<string, Answer>, more: Partial<DnsConfig> = {}) {
  const dns = await startDns(answers);
  leave.push(() => dns.close());
  const sets: string[][] = [];
  const troubles: (string | null)[] = [];
  const config: DnsConfig = {
    name: 'svc.test',
    port: 50_051,
    type: 'A',
    dialect: 'strict',
    server: dns.address,
    minRefreshMs: MIN_MS,
    maxRefreshMs: 400,
    ...more,
  };
  const source = new DnsSource(config, {
    onEndpoints: (set) =>
      sets.push(
        set.map(
          ({ address, weight, dialAddress }) =>
            address +
            (weight === undefined ? '' : `=${weight}`) +
            (dialAddress === undefined ? '' : ` at ${dialAddress}`),
        ),
      ),
    onTrouble: (trouble) => troubles.push(trouble),
  });
  leave.push(() => source.close());
  return { dns, source, sets, troubles };
}

const waits = ({ asked }: FakeDns, question: string): number[] => {
  const times = asked.filter((one) => one.question === question).map(({ atMs }) => atMs);
  return times.slice(1).map((atMs, index) => atMs - (times[index] as number));
};

const two = { ttl: 0, addresses: ['127.0.0.2', '127.0.0.1'] };

describe('addresses of a name', () => {
  it('are all endpoints, of both families; another order is no change [DC-18, DC-21]', async () => {
    const { dns, sets, source } = await follow({
      'svc.test A': two,
      'svc.test AAAA': { ttl: 5, addresses: ['::1'] },
    });
    await until('the first set', () => sets.length === 1);
    expect(sets[0]).toEqual(['127.0.0.1:50051', '127.0.0.2:50051', '[::1]:50051']);
    dns.answers.set('svc.test A', { ttl: 0, addresses: ['127.0.0.1', '127.0.0.2', '127.0.0.1'] });
    const before = dns.asked.length;
    await until('two more looks', () => dns.asked.length >= before + 4);
    expect(sets).toHaveLength(1);
    expect(source.view()).toMatchObject({ kind: 'dns', endpoints: 3, nextLookMs: MIN_MS });
    dns.answers.set('svc.test A', { ttl: 0, addresses: ['127.0.0.3'] });
    await until('the change', () => sets.length === 2);
    expect(sets[1]).toEqual(['127.0.0.3:50051', '[::1]:50051']);
  });

  it('are asked for when the TTL is over, never oftener than the floor nor later than the ceiling [DC-16]', async () => {
    const zero = await follow({ 'svc.test A': two });
    const long = await follow({ 'svc.test A': { ...two, ttl: 3_600 } });
    const one = await follow({ 'svc.test A': { ...two, ttl: 1 } }, { maxRefreshMs: 60_000 });
    await until('two looks each', () =>
      [zero, long, one].every(({ dns }) => waits(dns, 'svc.test A').length >= 2),
    );
    for (const waitMs of waits(zero.dns, 'svc.test A')) expect(waitMs).toBeGreaterThan(MIN_MS - 5);
    for (const waitMs of waits(long.dns, 'svc.test A')) expect(waitMs).toBeGreaterThan(395);
    for (const waitMs of waits(one.dns, 'svc.test A')) expect(waitMs).toBeGreaterThan(995);
    const planned = [zero, long, one].map(({ source }) => source.view());
    expect(planned).toMatchObject([{ nextLookMs: MIN_MS }, { nextLookMs: 400 }, { nextLookMs: 1_000 }]);
  });

  it.each([
    ['nxdomain', 'there is no such name (NXDOMAIN)'],
    ['empty', 'the name has no such records'],
    ['servfail', 'the server failed (SERVFAIL)'],
    ['silence', 'no answer in time'],
    ['garbage', ''],
  ] as const)(
    'stay on %s, which is told once, and change when it is over [DC-17, DC-10, DC-11]',
    async (bad, said) => {
      const { dns, sets, troubles, source } = await follow({ 'svc.test A': two });
      await until('the first set', () => sets.length === 1);
      for (const type of ['A', 'AAAA']) dns.answers.set(`svc.test ${type}`, bad);
      await until('the trouble', () => troubles.length === 1, 20_000);
      expect(troubles[0]).toContain(`DNS (${dns.address}) for svc.test: ${said}`);
      expect(source.trouble).toBe(troubles[0]);
      expect(sets).toHaveLength(1);
      dns.answers.set('svc.test A', { ttl: 1, addresses: ['127.0.0.9'] });
      dns.answers.set('svc.test AAAA', 'empty');
      await until('the change', () => sets.length === 2, 20_000);
      expect(sets[1]).toEqual(['127.0.0.9:50051']);
      expect(troubles.at(-1)).toBeNull();
    },
  );

  it('of a family that nobody can tell stay, while the other changes', async () => {
    const { dns, sets, troubles } = await follow({
      'svc.test A': two,
      'svc.test AAAA': { ttl: 0, addresses: ['::1'] },
    });
    await until('the first set', () => sets.length === 1);
    dns.answers.set('svc.test AAAA', 'servfail');
    dns.answers.set('svc.test A', { ttl: 0, addresses: ['127.0.0.3'] });
    await until('the change', () => sets.length === 2);
    expect(sets[1]).toEqual(['127.0.0.3:50051', '[::1]:50051']);
    expect(troubles[0]).toContain('SERVFAIL');
  });

  it('are asked for more and more slowly while there is trouble [DC-16]', async () => {
    const { dns, sets } = await follow({ 'svc.test A': 'nxdomain', 'svc.test AAAA': 'nxdomain' });
    await until('five looks', () => waits(dns, 'svc.test A').length >= 4);
    const found = waits(dns, 'svc.test A');
    for (const waitMs of found) expect(waitMs).toBeGreaterThan(MIN_MS - 5);
    expect(found[3]).toBeGreaterThan(300);
    expect(sets).toEqual([]);
  });
});

describe('a logical name', () => {
  it('is one endpoint at the first address of the answer, IPv4 before IPv6 [DC-18]', async () => {
    const { dns, sets, troubles, source } = await follow(
      { 'svc.test A': two, 'svc.test AAAA': { ttl: 0, addresses: ['::1'] } },
      { dialect: 'logical' },
    );
    const answer = async (addresses: string[] | 'empty', wanted: string): Promise<void> => {
      dns.answers.set('svc.test A', addresses === 'empty' ? addresses : { ttl: 0, addresses });
      await until(wanted, () => sets.at(-1)?.join() === wanted);
    };
    await answer(['127.0.0.2', '127.0.0.1'], 'svc.test:50051 at 127.0.0.2:50051');
    await answer(['127.0.0.1', '127.0.0.2'], 'svc.test:50051 at 127.0.0.1:50051');
    await answer('empty', 'svc.test:50051 at [::1]:50051');
    expect(source.view()).toMatchObject({ dialect: 'logical', endpoints: 1 });
    dns.answers.set('svc.test AAAA', 'empty');
    await until('the trouble', () => troubles.length === 1);
    expect(sets).toHaveLength(3);
  });
});

describe('targets of a service', () => {
  const srv = (targets: [priority: number, weight: number, port: number, target: string][]) => ({
    ttl: 0,
    targets: targets.map(([priority, weight, port, target]) => ({ priority, weight, port, target })),
  });

  it('that lead to one address twice are one endpoint, as first said [DC-05]', async () => {
    const { dns, sets } = await follow(
      {
        'svc.test SRV': srv([
          [1, 3, 7_001, 'a.test'],
          [1, 5, 7_001, 'b.test'],
        ]),
        'a.test A': { ttl: 0, addresses: ['127.0.0.1'] },
        'b.test A': { ttl: 0, addresses: ['127.0.0.1'] },
      },
      { type: 'SRV' },
    );
    await until('the first set', () => sets.length === 1);
    expect(sets[0]).toEqual(['127.0.0.1:7001=3']);
    // It is gone with the last name that leads there.
    dns.answers.set('svc.test SRV', srv([[1, 5, 7_001, 'b.test']]));
    await until('the change', () => sets.length === 2);
    expect(sets[1]).toEqual(['127.0.0.1:7001=5']);
  });

  it('are those of the best priority, with port and weight; one that cannot be resolved stays [DC-08, DC-17]', async () => {
    const { dns, sets, troubles } = await follow(
      {
        'svc.test SRV': srv([
          [1, 3, 7_001, 'a.test'],
          [1, 0, 7_002, 'b.test'],
          [2, 9, 7_003, 'c.test'],
        ]),
        'a.test A': { ttl: 0, addresses: ['127.0.0.1'] },
        'b.test A': { ttl: 0, addresses: ['127.0.0.2'] },
        'c.test A': { ttl: 0, addresses: ['127.0.0.3'] },
      },
      { type: 'SRV' },
    );
    await until('the first set', () => sets.length === 1);
    expect(sets[0]).toEqual(['127.0.0.1:7001=3', '127.0.0.2:7002']);
    dns.answers.set('b.test A', 'nxdomain');
    dns.answers.set('b.test AAAA', 'nxdomain');
    dns.answers.set('a.test A', { ttl: 0, addresses: ['127.0.0.7'] });
    await until('the change', () => sets.length === 2);
    expect(sets[1]).toEqual(['127.0.0.2:7002', '127.0.0.7:7001=3']);
    await until('the trouble', () => troubles[0]?.includes('b.test: there is no such name') === true);
    dns.answers.set('svc.test SRV', srv([[0, 1, 0, '']]));
    await until('the trouble', () => troubles.at(-1)?.includes('not offered') === true);
    expect(sets).toHaveLength(2);
    dns.answers.set('svc.test SRV', 'nxdomain');
    await until('the trouble', () => troubles.at(-1)?.includes('NXDOMAIN') === true);
    dns.answers.set('svc.test SRV', srv([[1, 1, 7_003, 'c.test']]));
    await until('the last set', () => sets.length === 3);
    expect(sets[2]).toEqual(['127.0.0.3:7003']);
  });
});
