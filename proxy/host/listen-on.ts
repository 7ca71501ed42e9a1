/** Binds a server; a port that cannot be had is the user's trouble, told with place and remedy. */
import type { Server } from 'node:net';
import type { Address } from '../policy/address.ts';
import { formatAddress } from '../policy/address.ts';
import { SidecarError } from '../policy/trouble.ts';

/** Resolves to HOST:PORT as it is; rejects with MW_PORT. */
export function listenOn(server: Server, address: Address, flag: string): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const where = formatAddress(address.host, address.port);
      const taken = error.code === 'EADDRINUSE';
      const what = taken
        ? `${where} is in use`
        : `cannot listen on ${where} (${error.code ?? error.message})`;
      const remedy = taken ? 'choose another port, or 0 for a free one' : 'give an address of this machine';
      reject(new SidecarError('MW_PORT', what, { place: flag, remedy }));
    });
    server.listen({ host: address.host, port: address.port, backlog: 4_096 }, () => {
      const bound = server.address();
      const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
      resolve(formatAddress(address.host, port));
    });
  });
}
