/**
 * Holds connections and streams open on a proxy. Arguments: HOST:PORT, connections, calls that each makes first, streams
 * that each then holds. Prints `{"held":N}` when all is open, and ends with its standard input.
 */
import { Client, fail } from './client.ts';

/** Connections on their way at a time. */
const PACE = 50;

export default async function holder(): Promise<void> {
  const [address = '', ...numbers] = process.argv.slice(2);
  const [connections = 0, calls = 0, streams = 0] = numbers.map(Number);
  const port = Number(address.split(':')[1]);
  process.stdin.on('end', () => process.exit(0));
  process.stdin.resume();
  for (let held = 0; held < connections; held += PACE) {
    const count = Math.min(PACE, connections - held);
    await Promise.all(Array.from({ length: count }, () => hold(port, calls, streams)));
  }
  process.stdout.write(`${JSON.stringify({ held: connections })}\n`);
}

/** One connection: its calls one at a time, then the streams that stay, as the proxy allows them. */
function hold(port: number, calls: number, streams: number): Promise<void> {
  let [callsLeft, streamsLeft, isCalling] = [calls, streams, false];
  return new Promise((resolve) => {
    const client: Client = new Client(
      port,
      () => {
        if (isCalling) return;
        if (callsLeft > 0) {
          if (!client.canCall) return;
          callsLeft--;
          isCalling = true;
          client.call('MyMethod');
          return;
        }
        for (; streamsLeft > 0 && client.canCall; streamsLeft--) client.call('Hold');
        if (streamsLeft === 0) resolve();
      },
      (isOk) => {
        if (!isOk || !isCalling) fail(new Error('a call did not end as it should'));
        isCalling = false;
      },
    );
  });
}
