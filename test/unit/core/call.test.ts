import { describe, expect, it } from 'vitest';
import { FakeMesh } from './fake-mesh.ts';

describe('a call', () => {
  it('goes to an endpoint and its answer comes back', () => {
    const mesh = new FakeMesh(1);
    const call = mesh.call('hi');
    const sent = mesh.link('a').last;
    expect(sent.text).toBe('hi');
    expect(sent.ended).toBe(true);
    mesh.reply('a', 'hello');
    expect(call.text).toBe('hello');
    expect(call.status).toBe(0);
    expect(mesh.sidecar.stats().callsAlive).toBe(0);
  });

  it('LB-01: round robin, n picks in a row hit n endpoints', () => {
    const mesh = new FakeMesh(5);
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 5; i++) mesh.call();
      expect(Object.values(mesh.counts())).toEqual([1, 1, 1, 1, 1].map((n) => n * (round + 1)));
    }
  });
});
