/** Client and control plane together, over queues: what arrives, what is answered, what survives. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { at, mesh, messagesOf, Rig } from './rig.ts';

const VARIANTS = ['sotw', 'delta'] as const;

describe.each(VARIANTS)('%s', (variant) => {
  it('finds the endpoints from the listener on, and by the cluster alone', () => {
    const plan = mesh({ a: [at(1), at(2)] });
    expect(new Rig(plan, { variant }).start().set).toEqual(['10.0.0.1:80', '10.0.0.2:80']);
    expect(new Rig(plan, { variant, follow: { cluster: 'a' } }).start().set).toHaveLength(2);
  });

  it('sets weight, priority, locality, draining and metadata', () => {
    const rig = new Rig(
      mesh({
        a: [
          at(1, { weight: 3, locality: 'eu/b/x', metadata: { shard: '7' }, id: 'one' }),
          at(2, { priority: 1, health: 'draining' }),
          at(3, { health: 'unhealthy' }),
        ],
      }),
      { variant },
    ).start();
    expect(rig.endpoints.at(-1)).toEqual([
      {
        address: '10.0.0.1:80',
        id: 'one',
        draining: false,
        weight: 3,
        locality: 'eu/b/x',
        metadata: { shard: '7' },
      },
      { address: '10.0.0.2:80', id: '10.0.0.2:80', draining: true, priority: 1 },
    ]);
  });

  it('DC-09: every response gets one answer, with its nonce', () => {
    const rig = new Rig(mesh({ a: [at(1)] }), { variant }).start();
    for (let n = 2; n < 30; n++) {
      rig.update(mesh({ a: [at(n)] }));
      if (n % 3 === 0) rig.flush();
    }
    rig.flush();
    const given = rig.responses.map(({ type_url, nonce }) => `${type_url} ${nonce}`);
    const answers = rig.requests.filter((one) => variant === 'delta' || one.version_info !== '');
    const said = new Set(
      answers.filter((one) => one.response_nonce).map((one) => `${one.type_url} ${one.response_nonce}`),
    );
    expect([...said].sort()).toEqual([...new Set(given)].sort());
    expect(rig.client.acks).toBe(given.length);
    expect(rig.client.nacks).toBe(0);
    expect(rig.set).toEqual(['10.0.0.29:80']);
  });

  it('DC-09: a stale nonce is ignored', () => {
    const rig = new Rig(mesh({ a: [at(1)] }), { variant }).start();
    rig.update(mesh({ a: [at(2)] }));
    const [sent] = rig.toClient;
    const answers: unknown[] = [];
    rig.server.onAnswer = (answer) => answers.push(answer);
    const stale = { type_url: sent.type_url, response_nonce: `${Number(sent.nonce) - 1}`, version_info: 'x' };
    rig.session?.handleRequest({ ...stale, resource_names: ['nobody'] } as never);
    expect(answers).toEqual([]);
    rig.flush();
    expect(answers).toMatchObject([{ reason: null }]);
    rig.update(mesh({ a: [at(3)] }));
    rig.flush();
    expect(rig.set).toEqual(['10.0.0.3:80']);
  });

  it('DC-07: a refused update changes nothing, and says the path of the field', () => {
    const rig = new Rig(mesh({ a: [at(1), at(2)] }), { variant }).start();
    const answers: { reason: string | null }[] = [];
    rig.server.onAnswer = (answer) => answers.push(answer);
    rig.update(mesh({ a: [at(1), { address: 'nowhere:80' }] }));
    rig.flush();
    expect(answers.at(-1)?.reason).toBe(
      'a: endpoints[0].lb_endpoints[1].endpoint.address.socket_address.address: "nowhere" is not an IP address',
    );
    expect(rig.sets).toHaveLength(1);
    expect(rig.client.nacks).toBe(1);
    expect(rig.troubles.at(-1)).toContain('was refused');
    // The control plane does not say the same again; the next good one is taken.
    rig.pass(5_000);
    expect(rig.client.nacks).toBe(1);
    rig.update(mesh({ a: [at(3)] }));
    rig.flush();
    expect(rig.set).toEqual(['10.0.0.3:80']);
    expect(rig.troubles.at(-1)).toBeNull();
  });

  it('DC-08: a bad resource does not hold back its good sibling', () => {
    const plan = mesh({ a: [at(1)], b: [at(2)] });
    const rig = new Rig(plan, { variant, follow: { cluster: 'a' } }).start();
    const wide = rig.session as NonNullable<typeof rig.session>;
    // The client has one assignment; a second one, which is bad, comes along with its change.
    const { type_url } = rig.responses.at(-1);
    const bad = { cluster_name: 'b', endpoints: [{ priority: 500 }] };
    const good = {
      cluster_name: 'a',
      endpoints: [
        {
          lb_endpoints: [
            { endpoint: { address: { socket_address: { address: '10.0.0.9', port_value: 1 } } } },
          ],
        },
      ],
    };
    const any = (value: object) => ({ type_url, value });
    rig.toClient.push(
      variant === 'sotw'
        ? { version_info: '9', resources: [any(bad), any(good)], type_url, nonce: '99' }
        : {
            resources: [
              { name: 'b', version: '9', resource: any(bad) },
              { name: 'a', version: '9', resource: any(good) },
            ],
            type_url,
            nonce: '99',
          },
    );
    rig.stepClient();
    expect(rig.set).toEqual(['10.0.0.9:1']);
    expect(rig.requests.at(-1).error_detail.message).toBe('b: endpoints[0].priority: 500 is above 128');
    expect(rig.requests.at(-1).response_nonce).toBe('99');
    expect(wide.node).toBe('n');
  });

  it('DC-10: losing the control plane changes nothing, and opening it again takes ever longer', () => {
    const rig = new Rig(mesh({ a: [at(1)] }), { variant, backoffBaseMs: 100, backoffMaxMs: 1_000 }).start();
    rig.up = false;
    rig.cut();
    const waits: number[] = [];
    let last = rig.nowNs;
    for (let n = 0; n < 8; n++) {
      const due = rig.client.nextTimeoutNs;
      waits.push((due - last) / 1e6);
      rig.pass((due - rig.nowNs) / 1e6);
      last = due;
    }
    expect(waits.map(Math.round)).toEqual([100, 160, 256, 410, 655, 1_000, 1_000, 1_000]);
    expect(rig.sets).toHaveLength(1);
    expect(rig.troubles.at(-1)).toBe('the control plane is away: refused');
    rig.up = true;
    const before = rig.responses.length;
    rig.pass(2_000);
    expect(rig.session).not.toBeNull();
    expect(rig.troubles.at(-1)).toBeNull();
    // It resumes: nothing changed, so nothing is sent.
    expect(rig.responses.length).toBe(before);
    expect(rig.sets).toHaveLength(1);
  });

  it('DC-11: what changed meanwhile is there after the return', () => {
    const rig = new Rig(mesh({ a: [at(1), at(2), at(3)] }), { variant }).start();
    rig.cut();
    rig.update(mesh({ a: [at(3), at(4)] }));
    rig.pass(1_000);
    expect(rig.sets.slice(1)).toEqual([['10.0.0.3:80', '10.0.0.4:80']]);
  });

  it('DC-12: a route moves to another cluster without an empty moment, and the old one goes last', () => {
    const rig = new Rig(mesh({ a: [at(1)] }), { variant }).start();
    rig.update(mesh({ b: [at(2)] }, 'b'));
    rig.flush();
    expect(rig.sets).toEqual([['10.0.0.1:80'], ['10.0.0.2:80']]);
    rig.pass(60_000);
    expect(rig.sets).toHaveLength(2);
    expect(rig.troubles.filter((one) => one !== null)).toEqual([]);
  });

  it('DC-13: what never comes is absent after 15 s of connection, and not before', () => {
    const rig = new Rig(mesh({ a: [at(1)] }), { variant, follow: { cluster: 'b' } });
    const silent = rig.server.openSotw({ send: () => {}, end: () => {} });
    rig.server.close(silent);
    rig.client.start();
    rig.connect();
    rig.toServer = []; // it never hears of the wish
    rig.nowNs = 14_000e6;
    expect(rig.client.nextTimeoutNs).toBe(15_000e6);
    rig.cut();
    expect(rig.sets).toEqual([]);
    rig.pass(1);
    expect(rig.sets).toEqual([]);
    const reopened = rig.client.nextTimeoutNs;
    rig.nowNs = reopened;
    rig.client.advance(reopened);
    rig.client.handleTimeout();
    rig.connect();
    rig.toServer = [];
    expect(rig.client.nextTimeoutNs).toBe(reopened + 15_000e6);
    rig.nowNs = reopened + 15_000e6;
    rig.client.advance(rig.nowNs);
    rig.client.handleTimeout();
    expect(rig.sets).toEqual([[]]);
    expect(rig.troubles.at(-1)).toBe('the control plane has no Cluster "b"');
  });

  it('takes a version that goes back, or refuses it, as it was told', () => {
    for (const versions of ['any', 'rising'] as const) {
      const rig = new Rig(mesh({ a: [at(1)] }), { variant, versions }).start();
      rig.update(mesh({ a: [at(2)] }));
      const [newer] = rig.toClient.splice(0);
      const older = structuredClone(
        rig.responses.findLast((one) => one.type_url === newer.type_url && one !== newer),
      );
      rig.toClient.push(newer, { ...older, nonce: '77' });
      rig.flush();
      expect(rig.set).toEqual(versions === 'any' ? ['10.0.0.1:80'] : ['10.0.0.2:80']);
      expect(rig.client.nacks).toBe(versions === 'any' ? 0 : 1);
      if (versions === 'rising') expect(rig.requests.at(-1).error_detail.message).toMatch(/is older than/);
    }
  });

  it('DC-22: what was refused for its age is told again with the next version, though it is the same', () => {
    const rig = new Rig(mesh({ a: [at(1)] }), { variant, versions: 'rising' }).start();
    const older = rig.server.revise(messagesOf(mesh({ a: [at(2)] })));
    const newer = rig.server.revise(messagesOf(mesh({ a: [at(3)] })));
    for (const snapshot of [newer, older]) {
      rig.session?.setSnapshot(snapshot as never);
      rig.flush();
    }
    expect([rig.set, rig.client.nacks]).toEqual([['10.0.0.3:80'], 1]);
    const told = rig.responses.length;
    rig.pass(5_000);
    expect(rig.responses.length).toBe(told);
    rig.update(mesh({ a: [at(2)] }));
    rig.flush();
    expect([rig.set, rig.client.nacks]).toEqual([['10.0.0.2:80'], 1]);
    rig.update(mesh({ a: [at(2)], b: [at(9)] }));
    rig.flush();
    expect(rig.responses.length).toBe(told + 1);
  });

  it('DC-22: behind a version that was refused for what it says the control plane may go back', () => {
    const rig = new Rig(mesh({ a: [at(1)] }), { variant, versions: 'rising' }).start();
    const good = rig.server.revise(messagesOf(mesh({ a: [at(2)] })));
    const bad = rig.server.revise(messagesOf(mesh({ a: [{ address: 'nowhere:80' }] })));
    for (const snapshot of [bad, good]) {
      rig.session?.setSnapshot(snapshot as never);
      rig.flush();
    }
    expect([rig.set, rig.client.nacks]).toEqual([['10.0.0.2:80'], 1]);
    expect(rig.troubles.at(-1)).toBeNull();
  });

  it('a cluster that is taken away empties the set, unless what is deleted is to be kept', () => {
    for (const keepDeleted of [false, true]) {
      const rig = new Rig(mesh({ a: [at(1)] }), { variant, keepDeleted }).start();
      rig.update({});
      rig.pass(20_000);
      expect(rig.set).toEqual(keepDeleted ? ['10.0.0.1:80'] : []);
    }
  });

  it('DC-22: the same again is sent to nobody', () => {
    const rig = new Rig(mesh({ a: [at(1)] }), { variant }).start();
    const before = rig.responses.length;
    for (let n = 0; n < 10; n++) rig.update(mesh({ a: [at(1)] }));
    rig.flush();
    expect(rig.responses.length).toBe(before);
  });

  it('names without end, or too many, end the stream', () => {
    const rig = new Rig(mesh({ a: [] }), { variant }).start();
    const names = ['x'.repeat(2_000)];
    const { type_url } = rig.requests[0];
    rig.session?.handleRequest({ type_url, resource_names: names, resource_names_subscribe: names } as never);
    expect(rig.ended).toMatch(/longer than 1024/);
  });
});

/** What can happen between two looks. */
type Act =
  | { kind: 'change'; set: number[]; to: boolean; both: boolean }
  | { kind: 'server' | 'client' | 'cut' | 'connect' }
  | { kind: 'pass'; ms: number };

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('change' as const),
      set: fc.uniqueArray(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
      to: fc.boolean(),
      both: fc.boolean(),
    }),
  },
  { weight: 6, arbitrary: fc.constant({ kind: 'server' as const }) },
  { weight: 6, arbitrary: fc.constant({ kind: 'client' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'cut' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'connect' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 2_000 }) }),
  },
);

describe.each(VARIANTS)('%s, whatever happens in whatever order', (variant) => {
  it('[DC-11, DC-12, DC-20] each set was once true as a whole, none is empty, and the last is the truth', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        const truths = new Set<string>(['10.0.0.1:80']);
        const rig = new Rig(mesh({ a: [at(1)] }), { variant });
        rig.client.start();
        let truth = ['10.0.0.1:80'];
        for (const each of acts) {
          if (each.kind === 'change') {
            const set = each.set.map((n) => at(each.to ? n : n + 100));
            const name = each.to ? 'a' : 'b';
            rig.update(mesh(each.both ? { [name]: set, other: [at(200)] } : { [name]: set }, name));
            truth = set.map(({ address }) => address);
            truths.add(truth.join());
          } else if (each.kind === 'server') rig.stepServer();
          else if (each.kind === 'client') rig.stepClient();
          else if (each.kind === 'cut') rig.cut();
          else if (each.kind === 'connect') rig.connect();
          else if ('ms' in each) rig.pass(each.ms);
        }
        rig.pass(5_000);
        for (const set of rig.sets) expect(truths).toContain(set.join());
        expect(rig.set).toEqual(truth);
        expect(rig.client.nacks).toBe(0);
        // At rest, nobody says anything any more.
        const said = rig.requests.length + rig.responses.length;
        rig.pass(60_000);
        expect(rig.requests.length + rig.responses.length).toBe(said);
      }),
      { numRuns: 400 },
    );
  });
});
