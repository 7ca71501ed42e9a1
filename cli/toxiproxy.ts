/** `meshwright toxiproxy`: the embedded Toxiproxy alone, for tests of one's own. */
import { Command, InvalidArgumentError } from 'commander';
import { startToxiproxy } from '../sim/real/toxiproxy/server.ts';

/** The subcommand; prints one line of JSON when it serves, and ends at SIGINT or SIGTERM. */
export function toxiproxyCommand(): Command {
  return new Command('toxiproxy')
    .description("Serves Toxiproxy's HTTP API on loopback")
    .option('--listen <host:port>', 'address of the API; loopback only, port 0 for any', '127.0.0.1:8474')
    .option('--seed <number>', 'decides toxicity and jitter', readSeed, 1)
    .action(async (options: { listen: string; seed: number }) => {
      const server = await startToxiproxy(options);
      process.stdout.write(
        `${JSON.stringify({ event: 'ready', listen: server.listen, pid: process.pid })}\n`,
      );
      await new Promise<void>((resolve) => {
        process.once('SIGINT', resolve);
        process.once('SIGTERM', resolve);
      });
      await server.close();
    });
}

function readSeed(text: string): number {
  const seed = Number(text);
  if (/^\d{1,10}$/.test(text) && seed <= 4_294_967_295) return seed;
  throw new InvalidArgumentError('give a whole number from 0 to 4294967295.');
}
