/** An endpoint whose address to dial changes while it stays the same endpoint: what logical DNS needs of the machine. */
import { describe, expect, it } from 'vitest';
import type { UpstreamPort } from '../../../proxy/core/machine.ts';
import { endpoint, FakeLink, FakeMesh, MS } from './fake-mesh.ts';

const turnTo = (mesh: FakeMesh, dialAddress: string): void =>
  mesh.sidecar.handleEndpoints([{ ...endpoint('a'), dialAddress }]);

const dialsOf = (mesh: FakeMesh) => mesh.dialled.map((port) => port.endpoint.dialAddress);

describe('a logical endpoint', () => {
  it('DC-18: keeps its connection and calls when the address turns; the next connection goes to the new one', () => {
    const mesh = new FakeMesh([], { silent: true });
    turnTo(mesh, '1:1');
    expect(dialsOf(mesh)).toEqual(['1:1']);
    const link = mesh.connect(mesh.dialled.shift() as UpstreamPort);
    const calls = [mesh.call()];
    turnTo(mesh, '2:1');
    expect(link.closed).toBe(false);
    expect(mesh.dialled).toEqual([]);
    calls.push(mesh.call());
    expect(link.open).toHaveLength(2);
    expect(mesh.sidecar.clusters()).toMatchObject([{ address: 'a:1', dialAddress: '2:1', connections: 1 }]);
    link.capacity = 2;
    calls.push(mesh.call());
    expect(dialsOf(mesh)).toEqual(['2:1']);
    const other = mesh.connect(mesh.dialled.shift() as UpstreamPort, new FakeLink());
    expect([link.open.length, other.open.length]).toEqual([2, 1]);
    mesh.cut('a');
    expect(link.closed).toBe(false);
    expect(calls[0]?.ended).toBe(false);
  });

  it('DC-18: with no connection left, another address is tried at once, the same one is waited for', () => {
    const mesh = new FakeMesh([], { silent: true, random: () => 0.5 });
    turnTo(mesh, '1:1');
    for (let failures = 0; failures < 6; failures++) {
      while (mesh.dialled.length === 0) mesh.pass(10 * MS);
      mesh.dialled.shift()?.handleDialFailed('ECONNREFUSED');
    }
    turnTo(mesh, '1:1');
    expect(mesh.dialled).toEqual([]);
    expect(mesh.call().message).toContain('a (1:1): cannot connect');
    turnTo(mesh, '2:1');
    expect(dialsOf(mesh)).toEqual(['2:1']);
    turnTo(mesh, '3:1');
    expect(dialsOf(mesh)).toEqual(['2:1']);
    mesh.dialled.shift()?.handleDialFailed('ECONNREFUSED');
    mesh.pass(100 * MS);
    expect(dialsOf(mesh)).toEqual(['3:1']);
  });
});
