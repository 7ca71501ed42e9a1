/** Endpoints given once, on the command line or in the configuration file. */
import { parseAddress } from '../policy/address.ts';
import type { Endpoint } from '../policy/config.ts';
import { SidecarError } from '../policy/trouble.ts';

/** One endpoint per address. `place` says where the list stands, for the error. */
export function staticEndpoints(addresses: readonly string[], place: string): Endpoint[] {
  const endpoints: Endpoint[] = [];
  for (const text of addresses) {
    const address = text.trim();
    if (parseAddress(address) === null) {
      const remedy = 'write HOST:PORT, several separated by commas, e.g. 127.0.0.1:50051,127.0.0.1:50053';
      throw new SidecarError('MW_USAGE', `${JSON.stringify(address)} is no HOST:PORT`, { place, remedy });
    }
    if (!endpoints.some((known) => known.address === address)) {
      endpoints.push({ address, id: address, draining: false });
    }
  }
  return endpoints;
}
