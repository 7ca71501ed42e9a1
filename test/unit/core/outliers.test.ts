/** Outlier detection in the machine: what ends of attempts say, and what an ejection does to picks. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_OUTLIER, type OutlierConfig } from '../../../proxy/policy/failover-config.ts';
import { DEFAULT_HEALTH } from '../../../proxy/policy/config.ts';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import { FakeMesh, MS } from './fake-mesh.ts';

function meshWith(outlier: Partial<OutlierConfig>, count = 2, retry = {}, more = {}): FakeMesh {
  const config = {
    outlier: { ...DEFAULT_OUTLIER, consecutiveErrors: 2, maxEjectionPercent: 100, ...outlier },
    retry: { attempts: 1, ...retry },
    ...more,
  };
  return new FakeMesh(count, { config });
}

/** Calls until one goes to this endpoint; the others are answered well. */
function callOn(mesh: FakeMesh, id: string): void {
  for (let calls = 0; calls < 10; calls++) {
    mesh.call();
    const [where] = mesh.where() as [string];
    if (where === id) return;
    mesh.reply(where);
  }
  throw new Error(`nothing goes to ${id}`);
}

const ejected = (mesh: FakeMesh): string[] =>
  mesh.sidecar.clusters().flatMap(({ id, ejected: out }) => (out ? [id] : []));

describe('outlier detection in the machine', () => {
  it('FO-23: each kind of failure counts, what the caller did and what never began does not', () => {
    const kinds: Record<string, [boolean, (mesh: FakeMesh) => void]> = {
      'trailers-only': [true, (mesh) => mesh.refuse('a', 14)],
      trailers: [true, (mesh) => mesh.reply('a', 'x', 13)],
      'a lost connection': [true, (mesh) => (mesh.cut('a'), mesh.pass(200 * MS))],
      reset: [true, (mesh) => mesh.reset('a', 2)],
      'per-try timeout': [true, (mesh) => mesh.pass(51 * MS)],
      'HTTP 503': [
        true,
        (mesh) => mesh.port('a').onHeaders(mesh.link('a').last, headerBlock([[':status', '503']]), true),
      ],
      'its own NOT_FOUND': [false, (mesh) => mesh.refuse('a', 5)],
      'HTTP 404': [
        true,
        (mesh) => mesh.port('a').onHeaders(mesh.link('a').last, headerBlock([[':status', '404']]), true),
      ],
      'the caller’s cancel': [false, (mesh) => mesh.session.onReset(mesh.caller.last, 8, false)],
    };
    for (const [kind, [counts, happen]] of Object.entries(kinds)) {
      const mesh = meshWith({}, 2, { perTryTimeoutMs: 50 });
      for (let time = 0; time < 2; time++) {
        callOn(mesh, 'a');
        happen(mesh);
      }
      expect([kind, ejected(mesh)]).toEqual([kind, counts ? ['a'] : []]);
    }
  });

  it('FO-21: streams above the last id of a GOAWAY are no failures', () => {
    const mesh = meshWith({ consecutiveErrors: 1 });
    callOn(mesh, 'a');
    mesh.reset('a', 7, true);
    expect(ejected(mesh)).toEqual([]);
    mesh.reset('b', 7, false);
    expect(ejected(mesh)).toEqual(['b']);
  });

  it('FO-22: an ejected endpoint gets no attempt, what is in flight there goes on, and it comes back with a sweep', () => {
    const mesh = meshWith({ consecutiveErrors: 1, intervalMs: 1_000, baseEjectionMs: 2_500 }, 3);
    callOn(mesh, 'a');
    const open = mesh.link('a').last;
    const caller = mesh.caller.last;
    mesh.call();
    mesh.reply('b');
    mesh.call();
    mesh.reply('c');
    mesh.call();
    mesh.refuse('a', 14);
    expect(ejected(mesh)).toEqual(['a']);
    expect(mesh.sidecar.stats()).toMatchObject({ ejections: 1, endpointsEjected: 1, ejectionsOverCap: 0 });
    const before = mesh.link('a').streams.length;
    for (let call = 0; call < 6; call++) {
      mesh.call();
      mesh.reply(mesh.where().find((id) => id !== 'a') as string);
    }
    expect(mesh.link('a').streams).toHaveLength(before);
    mesh.port('a').onHeaders(
      open,
      headerBlock([
        [':status', '200'],
        ['content-type', 'application/grpc'],
      ]),
      false,
    );
    mesh.port('a').onTrailers(open, headerBlock([['grpc-status', '0']]));
    expect(caller.status).toBe(0);
    mesh.pass(2_000 * MS);
    expect(ejected(mesh)).toEqual(['a']);
    mesh.pass(1_000 * MS);
    expect(ejected(mesh)).toEqual([]);
    callOn(mesh, 'a');
  });

  it('FO-22: with everybody ejected a call fails at once and says why', () => {
    const mesh = meshWith({ consecutiveErrors: 1 }, 1);
    callOn(mesh, 'a');
    mesh.refuse('a', 14);
    const call = mesh.call();
    expect(call.status).toBe(14);
    expect(call.message).toContain('a (a:1): ejected for its errors');
  });

  it('FO-28: who left and came back is in', () => {
    const mesh = meshWith({ consecutiveErrors: 1 });
    callOn(mesh, 'a');
    const late = mesh.link('a').last;
    const port = mesh.port('a');
    mesh.refuse('a', 14);
    callOn(mesh, 'b');
    mesh.reply('b');
    mesh.endpoints(['b']);
    expect(mesh.sidecar.stats().endpointsEjected).toBe(0);
    mesh.endpoints(['a', 'b']);
    expect(ejected(mesh)).toEqual([]);
    callOn(mesh, 'a');
    mesh.endpoints(['b']);
    // The last word of one that is no member is of no matter.
    mesh.refuse('a', 14);
    expect(late.user).toBe(null);
    expect(port).not.toBe(mesh.port('a'));
    expect(mesh.sidecar.stats()).toMatchObject({ ejections: 1, endpointsEjected: 0 });
  });

  it('FO-25: a good health check ends an ejection where that is asked for', () => {
    for (const healthyCheckUnejects of [true, false]) {
      const health = { ...DEFAULT_HEALTH, intervalMs: 100 };
      const mesh = meshWith({ consecutiveErrors: 1, healthyCheckUnejects }, 1, {}, { health });
      const serve = (): void => {
        const stream = mesh.link('a').last;
        mesh.port('a').onHeaders(stream, headerBlock([[':status', '200']]), false);
        mesh.port('a').onData(stream, Uint8Array.of(0, 0, 0, 0, 2, 8, 1), false);
        mesh.port('a').onTrailers(stream, headerBlock([['grpc-status', '0']]));
      };
      serve();
      mesh.call();
      mesh.refuse('a', 14);
      expect(ejected(mesh)).toEqual(['a']);
      mesh.pass(111 * MS);
      serve();
      expect(ejected(mesh)).toEqual(healthyCheckUnejects ? [] : ['a']);
    }
  });
});
