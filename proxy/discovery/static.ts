/** Endpoints given once, on the command line or in the configuration file. */
import { parseWeighted } from '../policy/address.ts';
import type { Endpoint } from '../policy/config.ts';
import { SidecarError } from '../policy/trouble.ts';

/** One endpoint per address. `place` says where the list stands, for the error. */
export function staticEndpoints(addresses: readonly string[], place: string): Endpoint[] {
  const endpoints: Endpoint[] = [];
  for (const text of addresses) {
    const given = parseWeighted(text.trim());
    if (given === null) {
      const remedy = 'write HOST:PORT, several separated by commas, e.g. 127.0.0.1:50051,127.0.0.1:50053=2';
      throw new SidecarError(
        'MW_USAGE',
        `${JSON.stringify(text.trim())} is no HOST:PORT or HOST:PORT=WEIGHT`,
        {
          place,
          remedy,
        },
      );
    }
    const { address, weight } = given;
    if (endpoints.some((known) => known.address === address)) continue;
    const endpoint = { address, id: address, draining: false };
    endpoints.push(weight === 1 ? endpoint : { ...endpoint, weight });
  }
  return endpoints;
}
