/**
 * Entry of the courier between a sidecar and its successor: descriptor 3 is the channel to the successor, 4 the port.
 * It asks for the port when it can serve it. What is accepted here meanwhile goes to the successor too.
 */
import type { SendHandle } from 'node:child_process';
import { createServer } from 'node:net';
import type { FromCourier, ToCourier } from './handover.ts';

const PORT_FD = 4;

const server = createServer({ pauseOnConnect: true }, (socket) => {
  socket.on('error', () => {});
  tell({ type: 'socket' }, socket);
});

process.on('disconnect', () => process.exit(1));
process.on('message', (message: ToCourier) => {
  if (message.type === 'give') server.listen({ fd: PORT_FD }, () => tell({ type: 'port' }, server));
  // All that was said before has been heard: the answer comes after it.
  else if (message.type === 'taken') server.close(() => tell({ type: 'done' }));
  else process.exit(0);
});
if (!process.connected) process.exit(1);

function tell(message: FromCourier, handle?: SendHandle): void {
  process.send?.(message, handle, {}, () => {});
}
