/** The successor's side of taking a port over: first a launcher that gives it a channel, then the channel's messages. */
import { spawn } from 'node:child_process';
import type { StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import type { Server, Socket } from 'node:net';
import { connect } from 'node:net';
import { SidecarError } from '../policy/trouble.ts';
import type { Inheritance } from './server.ts';

/** In this order: `give` and the port, `taken` and `done`, `bye`. Connections may come in between. */
export type ToCourier = { readonly type: 'give' } | { readonly type: 'taken' } | { readonly type: 'bye' };
export type FromCourier = { readonly type: 'port' } | { readonly type: 'socket' } | { readonly type: 'done' };

const CHANNEL_FD = 3;
const ANSWER_MS_MAX = 10_000;

/**
 * Runs this very command again with a channel to the sidecar at the control socket `path`, and ends as it ends: Node has a
 * channel from its start or never. The successor gets the descriptor of the trace, too.
 */
export async function launchSuccessor(path: string, traceFd: number | null): Promise<never> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
  } catch (error) {
    throw nobody(path, (error as NodeJS.ErrnoException).code ?? String(error));
  }
  const [, script, ...words] = process.argv as [string, string, ...string[]];
  const stdio: StdioOptions = ['inherit', 'inherit', 'inherit', socket];
  if (traceFd !== null)
    for (let fd = CHANNEL_FD + 1; fd <= traceFd; fd++) stdio.push(fd === traceFd ? fd : 'ignore');
  const successor = spawn(process.execPath, [...process.execArgv, script, ...words], {
    stdio,
    env: { ...process.env, NODE_CHANNEL_FD: String(CHANNEL_FD) },
  });
  socket.destroy();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.removeAllListeners(signal);
    process.on(signal, () => successor.kill(signal));
  }
  process.on('exit', () => successor.kill('SIGKILL'));
  const [code] = (await once(successor, 'exit')) as [number | null];
  process.exit(code ?? 1);
}

/** The port of the sidecar behind this process's channel. Rejects with MW_USAGE when it does not come. */
export async function inherit(path: string): Promise<Inheritance> {
  let server: Server | null = null;
  let adopted = false;
  const early: Socket[] = [];
  let arrived: (type: FromCourier['type'] | 'lost') => void = () => {};
  process.on('message', (message: FromCourier, handle: Server | Socket | undefined) => {
    if (message.type !== 'socket') {
      if (message.type === 'port') server = handle as Server;
      return arrived(message.type);
    }
    if (handle === undefined) return;
    if (adopted) server?.emit('connection', handle);
    else early.push(handle as Socket);
  });
  process.on('disconnect', () => arrived('lost'));
  const ask = async (question: ToCourier, answer: FromCourier['type']): Promise<void> => {
    const got = await new Promise<string>((resolve) => {
      arrived = resolve;
      setTimeout(() => resolve('nothing'), ANSWER_MS_MAX).unref();
      if (process.connected) process.send?.(question);
      else resolve('lost');
    });
    if (got !== answer) throw nobody(path, `the handover broke off: ${got}`);
  };
  await ask({ type: 'give' }, 'port');
  return {
    server: server as unknown as Server,
    async taken() {
      adopted = true;
      for (const socket of early.splice(0)) server?.emit('connection', socket);
      await ask({ type: 'taken' }, 'done');
      await new Promise<void>((resolve) => process.send?.({ type: 'bye' }, undefined, {}, () => resolve()));
      process.removeAllListeners('disconnect');
      if (process.connected) process.disconnect();
    },
  };
}

function nobody(path: string, why: string): SidecarError {
  return new SidecarError('MW_USAGE', `there is no sidecar to take over from (${why})`, {
    place: `--takeover ${path}`,
    remedy: 'give the path of the --control of a running sidecar, or start without --takeover',
  });
}
