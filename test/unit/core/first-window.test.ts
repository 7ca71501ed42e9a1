/** Long responses: their window widens once the caller is seen to read, and its next calls begin so. */
import { describe, expect, it } from 'vitest';
import { FakeMesh, RESPONSE } from './fake-mesh.ts';

const LONG = new Uint8Array(4_096);

/** A response whose first window is used up. */
function begin(mesh: FakeMesh) {
  const call = mesh.call();
  const stream = mesh.link('a').last;
  mesh.port('a').onHeaders(stream, RESPONSE, false);
  stream.narrow = true;
  return { call, stream, more: () => mesh.port('a').onData(stream, LONG, false) };
}

describe('the first window of a response', () => {
  it('widens when its caller reads', () => {
    const mesh = new FakeMesh(1);
    const { stream, more } = begin(mesh);
    more();
    expect(stream.widened).toBe(true);
    expect(stream.consumed).toBe(LONG.length);
  });

  it('stays while the caller does not take what was sent, and widens when it does', () => {
    const mesh = new FakeMesh(1);
    const { call, stream, more } = begin(mesh);
    mesh.caller.blocked = true;
    more();
    expect(stream.widened).toBe(false);
    expect(stream.consumed).toBe(0);
    mesh.caller.blocked = false;
    call.queuedBytes = 0;
    mesh.session.onDrained(call);
    expect(stream.widened).toBe(true);
    expect(stream.consumed).toBe(LONG.length);
  });

  it('stays, with credit, while much waits to be written to the caller', () => {
    const mesh = new FakeMesh(1);
    const { stream, more } = begin(mesh);
    mesh.caller.peerReads = false;
    more();
    expect(stream.widened).toBe(false);
    expect(stream.consumed).toBe(LONG.length);
  });

  it('is the whole one from the beginning for the next 16 calls of that caller, while it reads', () => {
    const mesh = new FakeMesh(1);
    begin(mesh).more();
    mesh.caller.peerReads = false;
    expect(begin(mesh).stream.widened).toBe(false);
    mesh.caller.peerReads = true;
    const wide = Array.from({ length: 18 }, () => begin(mesh).stream.widened);
    expect(wide.filter((each) => each)).toHaveLength(16);
    expect(wide.slice(16)).toEqual([false, false]);
  });
});
