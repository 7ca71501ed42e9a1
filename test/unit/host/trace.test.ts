/** The trace on a pipe whose reader is slow and takes a little at a time: writes that the system takes in part leave every line whole, once, in order. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { Trace } from '../../../proxy/host/trace.ts';

const LINES = 20_000;

it('a reader that begins late gets each line once', async () => {
  const reader = spawn('sh', ['-c', 'sleep 0.2; head -c 100000; sleep 0.2; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const { fd } = (reader.stdin as unknown as { _handle: { fd: number } })._handle;
  let text = '';
  reader.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const trace = new Trace(fd, 0, () => 0);
  for (let call = 0; call < LINES; call++) trace.callEnded(1, call, 0, false);
  const last = `["call.ended",1,${LINES - 1},0,0]\n`;
  while (!text.includes(last)) await once(reader.stdout, 'data');
  trace.end();
  reader.stdin.end();
  await once(reader, 'close');
  const calls = text.split('\n').filter((line) => !line.startsWith('["cpu"') && line !== '');
  expect(trace.lost).toBe(0);
  expect(calls).toEqual(Array.from({ length: LINES }, (_, call) => `["call.ended",1,${call},0,0]`));
});
