/** `meshwright control-plane`: serves the services and routes of a file to sidecars and Envoys over xDS. */
import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import { Command } from 'commander';
import { runControlPlane } from '../proxy/control-plane/process.ts';
import { MeshwrightError } from '../sim/base/errors.ts';

const ADDRESS = /^(\[[0-9a-f:]+\]|[^:\s]+):(\d{1,5})$/i;

export function controlPlaneCommand(): Command {
  return new Command('control-plane')
    .description('serve the services and routes of a watched file over xDS (ADS, both variants)')
    .requiredOption('--config <file>', 'YAML or JSON: services with endpoints, listeners with routes')
    .option('--listen <host:port>', 'where sidecars and Envoys ask; port 0 for any', '127.0.0.1:18000')
    .allowExcessArguments(false)
    .action(async ({ config, listen }: { config: string; listen: string }) => {
      if (!ADDRESS.test(listen)) {
        throw new MeshwrightError('MW_USAGE', `not an address: ${JSON.stringify(listen)}`, {
          place: '--listen',
          remedy: 'write HOST:PORT, as in 127.0.0.1:18000.',
        });
      }
      // What goes wrong is told by this command, once.
      setLogVerbosity(logVerbosity.NONE);
      await runControlPlane(config, listen);
    });
}
