/** A peer that reads nothing cannot keep its socket once the connection is over. */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { expect, test, vi } from 'vitest';
import { Carrier } from '../../../proxy/host/carrier.ts';
import type { Loop } from '../../../proxy/host/loop.ts';
import { PREFACE, QUIET, frame, settings } from '../wire/kit.ts';

class DeafSocket extends EventEmitter {
  writableLength = 0;
  ended = false;
  destroyed = false;
  write(octets: Uint8Array): void {
    this.writableLength += octets.length + 300_000;
  }
  pause(): void {}
  resume(): void {}
  end(): void {
    this.ended = true;
  }
  destroy(): void {
    this.destroyed = true;
  }
}

test('a connection that ends while its peer reads nothing gives the socket up', () => {
  vi.useFakeTimers();
  const socket = new DeafSocket();
  const loop = { mark() {}, turn() {} } as unknown as Loop;
  const carrier = new Carrier('server', QUIET, socket as unknown as Socket, loop, {});
  carrier.receive(Buffer.concat([PREFACE, settings()]));
  carrier.flush(true);
  expect(socket.ended).toBe(false);
  carrier.receive(frame(8, 0, 0)); // A frame of a wrong size: the connection is over.
  carrier.flush(true);
  expect([carrier.wantsClose, socket.ended]).toEqual([true, true]);
  vi.advanceTimersByTime(1_100);
  expect(socket.destroyed).toBe(true);
  vi.useRealTimers();
});
