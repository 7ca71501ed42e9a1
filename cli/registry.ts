/** `meshwright registry`: instances register with a lease, sidecars watch who is there. */
import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import { Command } from 'commander';
import { Registry } from '../proxy/registry/server.ts';
import { MeshwrightError } from '../sim/base/errors.ts';
import { print } from './output.ts';

const ADDRESS = /^(\[[0-9a-f:]+\]|[^:\s]+):(\d{1,5})$/i;
const SETTLE_MS_MAX = 3_600_000;

export function registryCommand(): Command {
  return new Command('registry')
    .description('keep a registry of instances by leases (protos/registry.proto)')
    .option('--listen <host:port>', 'where instances and sidecars come; port 0 for any', '127.0.0.1:18500')
    .option('--settle-ms <ms>', 'from the start nobody is told a set for so long', '5000')
    .allowExcessArguments(false)
    .action(async ({ listen, settleMs }: { listen: string; settleMs: string }) => {
      if (!ADDRESS.test(listen)) {
        throw new MeshwrightError('MW_USAGE', `not an address: ${JSON.stringify(listen)}`, {
          place: '--listen',
          remedy: 'write HOST:PORT, as in 127.0.0.1:18500.',
        });
      }
      if (!/^\d{1,7}$/.test(settleMs) || Number(settleMs) > SETTLE_MS_MAX) {
        throw new MeshwrightError('MW_USAGE', `not a time: ${JSON.stringify(settleMs)}`, {
          place: '--settle-ms',
          remedy: `give whole milliseconds from 0 to ${SETTLE_MS_MAX}.`,
        });
      }
      // What goes wrong is told by this command, once.
      setLogVerbosity(logVerbosity.NONE);
      const registry = new Registry(Number(settleMs));
      const address = await registry.listen(listen);
      const stop = (): void => {
        registry.close();
        process.exit(0);
      };
      for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, stop);
      print(JSON.stringify({ event: 'ready', listen: address, pid: process.pid }));
    });
}
