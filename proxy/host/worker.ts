/** Entry of one worker: a whole sidecar whose callers' connections are handed over by the parent. It ends when the parent is gone. */
import type { Socket } from 'node:net';
import { SidecarError } from '../policy/trouble.ts';
import { resolveOptions } from './options.ts';
import { Generation } from './generation.ts';
import type { FromWorker, ToWorker } from './worker-messages.ts';
import { boundYoungGeneration } from './young-generation.ts';

let server: Generation | null = null;
let stopping = false;

process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
process.on('message', (message: ToWorker, socket?: Socket) => {
  if (message.type === 'start') void start(message);
  else if (message.type === 'socket') take(socket);
  else if (message.type === 'stop') stop();
  else if (server !== null) tell({ type: 'answer', id: message.id, view: server.view() });
});
if (!process.connected) process.exit(0);

async function start({ flags, file }: ToWorker & { type: 'start' }): Promise<void> {
  const warn = (message: string): void => tell({ type: 'warn', message });
  try {
    server = await Generation.start(resolveOptions(flags, file), { warn });
    boundYoungGeneration();
    tell({ type: 'ready', knowsEndpoints: server.knowsEndpoints });
  } catch (error) {
    if (!(error instanceof SidecarError)) throw error;
    const { code, message, place, remedy } = error;
    tell({ type: 'failed', code, message, place: place ?? '', remedy: remedy ?? '' });
  }
}

function take(socket: Socket | undefined): void {
  tell({ type: 'taken' });
  // It was closed on the way.
  if (socket === undefined || server === null) return tell({ type: 'closed' });
  socket.once('close', () => tell({ type: 'closed' }));
  server.take(socket);
}

function stop(): void {
  if (stopping) return;
  stopping = true;
  tell({ type: 'draining' });
  if (server === null) process.exit(0);
  void server.stop().then(() => process.exit(0));
}

/** When the parent is gone there is nobody to tell. */
function tell(message: FromWorker): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}
