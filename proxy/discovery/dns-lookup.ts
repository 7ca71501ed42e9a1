/** One look into DNS: the addresses behind a name, or behind the targets of its SRV records, each with its time to live. */
import { Resolver } from 'node:dns/promises';

const TIMEOUT_MS = 1_000;
const TRIES = 2;
/** More SRV targets than this are not followed: each costs two questions. */
const TARGETS_MAX = 256;

/** What one family (A or AAAA) of a host has: addresses; none; or nobody could tell. */
export interface FamilyAnswer {
  addresses: readonly string[];
  ttlS: number;
  /** Null: told. Else what went wrong, and whether the name's server said so itself. */
  trouble: string | null;
  told: boolean;
}

export interface HostAnswer {
  host: string;
  port: number;
  weight: number;
  v4: FamilyAnswer;
  v6: FamilyAnswer;
}

const TEXTS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'there is no such name (NXDOMAIN)',
  ENODATA: 'the name has no such records',
  ETIMEOUT: 'no answer in time',
  ESERVFAIL: 'the server failed (SERVFAIL)',
  EREFUSED: 'the server refuses to answer',
  EBADRESP: 'the answer cannot be read',
  ECONNREFUSED: 'nobody answers at the server',
};

export class DnsLookup {
  readonly #resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });

  /** `server` IP:PORT; null: those of the system. A new one for each look: nothing is kept from the look before. */
  constructor(server: string | null) {
    if (server !== null) this.#resolver.setServers([server]);
  }

  async host(host: string, port: number, weight: number): Promise<HostAnswer> {
    const [v4, v6] = await Promise.all([
      family(() => this.#resolver.resolve4(host, { ttl: true })),
      family(() => this.#resolver.resolve6(host, { ttl: true })),
    ]);
    return { host, port, weight, v4, v6 };
  }

  /** The targets of the best priority. Throws an Error whose message says what is wrong. */
  async service(name: string): Promise<HostAnswer[]> {
    let records: Awaited<ReturnType<Resolver['resolveSrv']>>;
    try {
      records = await this.#resolver.resolveSrv(name);
    } catch (error) {
      throw new Error(textOf(error), { cause: error });
    }
    const best = Math.min(...records.map(({ priority }) => priority));
    const targets = records.filter(
      ({ priority, name: target }) => priority === best && target !== '' && target !== '.',
    );
    if (targets.length === 0) throw new Error('the service is not offered at this name');
    if (targets.length > TARGETS_MAX) throw new Error(`it has more than ${TARGETS_MAX} SRV targets`);
    return Promise.all(targets.map(({ name: target, port, weight }) => this.host(target, port, weight)));
  }

  cancel(): void {
    this.#resolver.cancel();
  }
}

async function family(ask: () => Promise<{ address: string; ttl: number }[]>): Promise<FamilyAnswer> {
  try {
    const records = await ask();
    const addresses = records.map(({ address }) => address);
    const ttlS = Math.min(...records.map(({ ttl }) => ttl));
    if (addresses.length > 0) return { addresses, ttlS, trouble: null, told: true };
    return { addresses, ttlS: 0, trouble: TEXTS['ENODATA'] as string, told: true };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return {
      addresses: [],
      ttlS: 0,
      trouble: textOf(error),
      told: code === 'ENOTFOUND' || code === 'ENODATA',
    };
  }
}

function textOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  return TEXTS[code] ?? code;
}
