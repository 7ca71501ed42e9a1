/** A link that had room and gives a dead stream all the same: nothing will ever be heard of it, yet the call must end. */
import { expect, it } from 'vitest';
import { FakeMesh, MS } from './fake-mesh.ts';

function withDeadStream(extra: readonly [string, string][] = []) {
  const mesh = new FakeMesh(['a', 'b']);
  for (const id of ['a', 'b']) {
    const link = mesh.link(id);
    const { openStream } = link;
    link.openStream = (...parts) => {
      const stream = openStream.apply(link, parts);
      link.capacity = 0;
      return stream;
    };
  }
  const call = mesh.call('hi', extra);
  return { mesh, call, where: mesh.where()[0] as string };
}

const QUIET = { callsAlive: 0, attemptsAlive: 0, retriesAlive: 0, callsWaiting: 0 };

it('ends at its deadline', () => {
  const { mesh, call } = withDeadStream([['grpc-timeout', '100m']]);
  mesh.pass(110 * MS);
  expect(call.status).toBe(4);
  expect(mesh.sidecar.stats()).toMatchObject(QUIET);
});

it('goes elsewhere when the connection closes without a word about the stream', () => {
  const { mesh, call, where } = withDeadStream();
  mesh.link(where).closed = true;
  mesh.port(where).onClose('gone');
  mesh.pass(1 * MS);
  const other = where === 'a' ? 'b' : 'a';
  expect(mesh.link(other).last.text).toBe('hi');
  mesh.reply(other);
  expect(call.status).toBe(0);
  expect(mesh.sidecar.stats()).toMatchObject(QUIET);
});

it('ends when its caller gives up', () => {
  const { mesh, call } = withDeadStream();
  mesh.session.onReset(call, 8, false);
  expect(mesh.sidecar.stats()).toMatchObject(QUIET);
});
