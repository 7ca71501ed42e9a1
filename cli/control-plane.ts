/** `meshwright control-plane`: serves the services and routes of a file to sidecars and Envoys over xDS. */
import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import { Command } from 'commander';
import { runControlPlane } from '../proxy/control-plane/process.ts';
import { MeshwrightError } from '../sim/base/errors.ts';

const ADDRESS = /^(\[[0-9a-f:]+\]|[^:\s]+):(\d{1,5})$/i;

interface Flags {
  config: string;
  listen: string;
  tlsCert?: string;
  tlsKey?: string;
}

export function controlPlaneCommand(): Command {
  return new Command('control-plane')
    .description('serve the services and routes of a watched file over xDS (ADS, both variants)')
    .requiredOption('--config <file>', 'YAML or JSON: services with endpoints, listeners with routes')
    .option('--listen <host:port>', 'where sidecars and Envoys ask; port 0 for any', '127.0.0.1:18000')
    .option('--tls-cert <file>', 'PEM chain shown to clients, which then need TLS')
    .option('--tls-key <file>', 'PEM private key of that certificate')
    .allowExcessArguments(false)
    .action(async ({ config, listen, tlsCert, tlsKey }: Flags) => {
      if (!ADDRESS.test(listen)) {
        throw new MeshwrightError('MW_USAGE', `not an address: ${JSON.stringify(listen)}`, {
          place: '--listen',
          remedy: 'write HOST:PORT, as in 127.0.0.1:18000.',
        });
      }
      // What goes wrong is told by this command, once.
      setLogVerbosity(logVerbosity.NONE);
      if ((tlsCert === undefined) !== (tlsKey === undefined)) {
        throw new MeshwrightError('MW_USAGE', 'a certificate needs its key', {
          place: tlsCert === undefined ? '--tls-key' : '--tls-cert',
          remedy: 'give both --tls-cert FILE and --tls-key FILE.',
        });
      }
      const tls = tlsCert === undefined || tlsKey === undefined ? null : { cert: tlsCert, key: tlsKey };
      await runControlPlane(config, listen, tls);
    });
}
