/** `meshwright registry`: instances register with a lease, sidecars watch who is there. */
import { readFileSync } from 'node:fs';
import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import { Command } from 'commander';
import { Access, type Identity, IDENTITIES_SCHEMA, rangeOf } from '../proxy/registry/access.ts';
import { serverPair } from '../proxy/host/tls.ts';
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
    .option(
      '--lapse-share-max <share>',
      'where more than this share of the leases of a service would run out together, they are kept',
      '1',
    )
    .option(
      '--identities <file>',
      'who may register, as JSON: see docs/sidecar.md (default: everybody, the own address)',
    )
    .option('--tls-cert <file>', 'PEM chain shown to instances and sidecars, which then need TLS')
    .option('--tls-key <file>', 'PEM private key of that certificate')
    .option('--allow-address <ip/bits...>', 'instances may register these addresses, too')
    .allowExcessArguments(false)
    .action(
      async ({ listen, settleMs, lapseShareMax, identities, tlsCert, tlsKey, allowAddress = [] }: Flags) => {
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
        if (!(/^\d(\.\d{1,6})?$/.test(lapseShareMax) && Number(lapseShareMax) <= 1)) {
          throw new MeshwrightError('MW_USAGE', `not a share: ${JSON.stringify(lapseShareMax)}`, {
            place: '--lapse-share-max',
            remedy: 'give a number from 0 to 1; 1 keeps nobody.',
          });
        }
        const wrong = allowAddress.find((text) => rangeOf(text) === null);
        if (wrong !== undefined)
          throw new MeshwrightError('MW_USAGE', `not a range: ${JSON.stringify(wrong)}`, {
            place: '--allow-address',
            remedy: 'write IP/BITS, as in 10.0.0.0/8.',
          });
        if ((tlsCert === undefined) !== (tlsKey === undefined))
          throw new MeshwrightError('MW_USAGE', 'a certificate and its key go together', {
            place: tlsCert === undefined ? '--tls-key' : '--tls-cert',
            remedy: 'give both --tls-cert FILE and --tls-key FILE.',
          });
        const pair =
          tlsCert === undefined ? null : serverPair({ certFile: tlsCert, keyFile: tlsKey as string });
        const access = new Access(identities === undefined ? null : readIdentities(identities), allowAddress);
        // What goes wrong is told by this command, once.
        setLogVerbosity(logVerbosity.NONE);
        const registry = new Registry(Number(settleMs), access, Number(lapseShareMax));
        const address = await registry.listen(listen, pair);
        const stop = (): void => {
          registry.close();
          process.exit(0);
        };
        for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, stop);
        print(JSON.stringify({ event: 'ready', listen: address, pid: process.pid }));
      },
    );
}

interface Flags {
  listen: string;
  settleMs: string;
  lapseShareMax: string;
  identities?: string;
  tlsCert?: string;
  tlsKey?: string;
  allowAddress?: string[];
}

function readIdentities(file: string): Identity[] {
  const fail = (said: string) =>
    new MeshwrightError('MW_USAGE', said, {
      place: `--identities ${file}`,
      remedy:
        'write { "identities": [{ "name", "tokenSha256", "services": [], "addresses": [], "expires" }] }.',
    });
  let given: unknown;
  try {
    given = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    // What a parser says quotes the text, which may be a token that was named by mistake.
    throw fail(error instanceof SyntaxError ? 'it is no JSON' : (error as Error).message);
  }
  const read = IDENTITIES_SCHEMA.safeParse(given);
  if (read.success) return read.data.identities;
  const issue = read.error.issues[0];
  throw fail(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}
