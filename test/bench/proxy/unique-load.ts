/**
 * Calls with headers never seen before, for machines without ghz: a UUID in `traceparent` and in `x-request-id` of each.
 * Arguments: HOST:PORT, connections, streams of each, calls in all. Prints `{"ok":N}` when all have ended well.
 */
import { randomUUID } from 'node:crypto';
import { Client, fail } from './client.ts';

export default function uniqueLoad(): void {
  const [address = '', ...numbers] = process.argv.slice(2);
  const [connections = 1, streams = 1, calls = 0] = numbers.map(Number);
  const port = Number(address.split(':')[1]);
  let [begun, ended] = [0, 0];
  process.stdin.on('end', () => process.exit(0));
  process.stdin.resume();
  const open = (): void => {
    let live = 0;
    const client: Client = new Client(
      port,
      () => {
        for (; begun < calls && live < streams && client.canCall; live++) {
          begun++;
          client.call('MyMethod', [
            ['traceparent', randomUUID()],
            ['x-request-id', randomUUID()],
          ]);
        }
      },
      (isOk) => {
        if (!isOk) fail(new Error('a call did not end with OK'));
        live--;
        ended++;
        if (ended === calls) process.stdout.write(`${JSON.stringify({ ok: ended })}\n`);
      },
    );
  };
  for (let index = 0; index < connections; index++) open();
}
