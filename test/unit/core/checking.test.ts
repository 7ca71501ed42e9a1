/** Health checks whose answer is odd, late, large or none, and when checks are made. */
import { describe, expect, it } from 'vitest';
import { headerBlock } from '../../../proxy/wire/headers.ts';
import { FakeMesh, MS, RESPONSE } from './fake-mesh.ts';

const HEALTH = {
  mode: 'check' as const,
  jitter: 0.2,
  intervalMs: 100,
  timeoutMs: 50,
  unhealthyThreshold: 1,
  healthyThreshold: 1,
  service: '',
};
const END = headerBlock([['grpc-status', '0']]);

function checked(health = HEALTH): {
  mesh: FakeMesh;
  answer: (...octets: number[]) => void;
  trouble: () => string;
} {
  const mesh = new FakeMesh(1, { config: { health } });
  return {
    mesh,
    answer: (...octets) => {
      const stream = mesh.link('a').last;
      mesh.port('a').onHeaders(stream, RESPONSE, false);
      mesh.port('a').onData(stream, Uint8Array.from(octets), false);
      if (stream.user !== null) mesh.port('a').onTrailers(stream, END);
    },
    trouble: () => mesh.sidecar.clusters()[0]?.trouble ?? '',
  };
}

describe('the answer to a check', () => {
  it.each([
    ['says NOT_SERVING', [0, 0, 0, 0, 2, 8, 2], 'its health check says NOT_SERVING'],
    ['says nothing', [0, 0, 0, 0, 0], 'its health check says UNKNOWN'],
    ['says 9', [0, 0, 0, 0, 2, 8, 9], 'its health check says something it may not say'],
    ['is cut', [0, 0, 0], 'its health check says something it may not say'],
    ['is compressed', [1, 0, 0, 0, 2, 8, 1], 'its health check says something it may not say'],
    ['lies about its length', [0, 0, 0, 0, 3, 8, 1], 'its health check says something it may not say'],
    ['has another field', [0, 0, 0, 0, 2, 16, 1], 'its health check says something it may not say'],
    ['has half a field', [0, 0, 0, 0, 1, 8], 'its health check says something it may not say'],
    ['is too long', Array<number>(65).fill(0), 'its health check answered too much'],
  ])('%s', (_, octets, trouble) => {
    const { mesh, answer, trouble: told } = checked();
    answer(...octets);
    expect(mesh.sidecar.ready).toBe(false);
    expect(told()).toBe(trouble);
    expect(mesh.sidecar.stats()).toMatchObject({ healthChecks: 1, healthChecksFailed: 1 });
  });

  it('takes the HTTP status where there is no grpc-status, wherever the answer ends', () => {
    const block = headerBlock([[':status', '503']]);
    const told: string[] = [];
    for (const where of ['headers', 'data', 'trailers']) {
      const { mesh, trouble } = checked();
      const stream = mesh.link('a').last;
      const port = mesh.port('a');
      port.onHeaders(stream, block, where === 'headers');
      if (where === 'data') port.onData(stream, new Uint8Array(0), true);
      if (where === 'trailers') port.onTrailers(stream, headerBlock([['x', 'y']]));
      told.push(trouble());
    }
    expect(told).toEqual(Array(3).fill('its health check ended with status 14'));
  });

  it('that never comes to its end: cut off, and the connection’s own loss', () => {
    const { mesh, trouble } = checked();
    mesh.reset('a', 2);
    expect(trouble()).toBe('its health check was cut off');
  });
});

describe('a check', () => {
  it('names the service it is asked for', () => {
    const { mesh } = checked({ ...HEALTH, service: 'my.Service' });
    const body = Buffer.from(mesh.link('a').last.body);
    expect(body.toString('latin1')).toBe('\0\0\0\0\x0c\n\x0amy.Service');
    expect(mesh.link('a').last.ended).toBe(true);
  });

  it('waits for the next turn when there is no room, and is not made twice at once', () => {
    const mesh = new FakeMesh(1, { silent: true, config: { health: { ...HEALTH, timeoutMs: 900 } } });
    const link = mesh.connect(mesh.dialled.splice(0)[0] as never);
    mesh.port('a').onHeaders(link.last, RESPONSE, false);
    mesh.port('a').onData(link.last, Uint8Array.of(0, 0, 0, 0, 2, 8, 1), false);
    mesh.port('a').onTrailers(link.last, END);
    link.capacity = 0;
    mesh.pass(250 * MS);
    expect(mesh.sidecar.stats().healthChecks).toBe(1);
    link.capacity = 1;
    for (let ms = 0; ms < 120 && mesh.sidecar.stats().healthChecks < 2; ms++) mesh.pass(1 * MS);
    expect(mesh.sidecar.stats().healthChecks).toBe(2);
    // A further connection while a check is under way starts none of its own.
    mesh.call();
    expect(mesh.dialled).toHaveLength(1);
    mesh.connectAll();
    mesh.pass(300 * MS);
    expect(mesh.sidecar.stats().healthChecks).toBe(2);
  });

  it('that found no room ever is made by the first connection that has some, and only once', () => {
    const mesh = new FakeMesh(1, { silent: true, config: { health: HEALTH } });
    const full = mesh.connectFull(mesh.dialled.splice(0)[0] as never);
    expect(full.streams).toHaveLength(0);
    expect(mesh.sidecar.stats().healthChecks).toBe(0);
    full.closed = true;
    mesh.port('a').onClose('gone');
    mesh.connectAll();
    expect(mesh.sidecar.stats().healthChecks).toBe(1);
    mesh.pass(40 * MS);
    expect(mesh.sidecar.stats().healthChecks).toBe(1);
  });

  it('that hung names itself as the trouble, also after the socket’s own end', () => {
    const mesh = new FakeMesh(1, { silent: true, config: { health: HEALTH } });
    mesh.connectAll();
    mesh.pass(60 * MS);
    expect(mesh.link('a').closed).toBe(true);
    mesh.port('a').onClose('closed by the endpoint');
    expect(mesh.sidecar.clusters()[0]?.trouble).toContain('no answer to a health check within 50 ms');
  });
});
