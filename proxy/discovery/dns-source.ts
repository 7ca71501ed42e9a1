/**
 * Endpoints from DNS: all addresses of a name (A and AAAA), or of a service's SRV targets; or the name itself as one endpoint. Asked
 * again when the time to live is over, within bounds. A failure and an answer without addresses change nothing: the last good set stays.
 */
import { formatAddress } from '../policy/address.ts';
import { type Endpoint, WEIGHT_MAX } from '../policy/config.ts';
import { DnsLookup, type FamilyAnswer, type HostAnswer } from './dns-lookup.ts';
import type { EndpointSource, SourceEvents } from './source.ts';

/**
 * What an answer means. `strict`: each address is an endpoint. `logical`: the name is one endpoint; new connections to it go to the first address of
 * the newest answer (the first of IPv4, where there is any), and those there are stay whatever it says (Envoy's LOGICAL_DNS).
 */
export const DNS_DIALECTS = ['strict', 'logical'] as const;
export type DnsDialect = (typeof DNS_DIALECTS)[number];

export interface DnsConfig {
  name: string;
  /** A: of all endpoints. SRV: the records say it. */
  port: number;
  type: 'A' | 'SRV';
  dialect: DnsDialect;
  /** IP:PORT of the DNS server; null: those of the system. */
  server: string | null;
  /** Never asked oftener than that, also where the time to live is 0; and at least that often. */
  minRefreshMs: number;
  maxRefreshMs: number;
}

export const DEFAULT_DNS = { minRefreshMs: 1_000, maxRefreshMs: 30_000 };
/** A wait after trouble is shorter by up to this share, so that sidecars do not ask all at once. */
const JITTER = 0.2;

export class DnsSource implements EndpointSource {
  trouble: string | null = null;
  readonly #config: DnsConfig;
  readonly #events: SourceEvents;
  /** The last good addresses of each host and family. */
  #known = new Map<string, readonly string[]>();
  #told = '';
  #endpoints = 0;
  #troubles = 0;
  #refreshMs = 0;
  #lookup: DnsLookup | null = null;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(config: DnsConfig, events: SourceEvents) {
    this.#config = config;
    this.#events = events;
    void this.#look();
  }

  view(): object {
    const { name, type, dialect, server } = this.#config;
    return {
      kind: 'dns',
      name,
      type,
      dialect,
      server,
      endpoints: this.#endpoints,
      nextLookMs: this.#refreshMs,
    };
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#lookup?.cancel();
  }

  async #look(): Promise<void> {
    const { name, port, type, server } = this.#config;
    this.#lookup = new DnsLookup(server);
    let hosts: HostAnswer[];
    try {
      hosts = type === 'SRV' ? await this.#lookup.service(name) : [await this.#lookup.host(name, port, 1)];
    } catch (error) {
      if (!this.#closed) this.#failed((error as Error).message);
      return;
    }
    if (!this.#closed) this.#answered(hosts);
  }

  #answered(hosts: readonly HostAnswer[]): void {
    const answers = hosts.flatMap(({ v4, v6 }) => [v4, v6]);
    const good = answers.filter(({ trouble }) => trouble === null);
    const silent = answers.find(({ told }) => !told) ?? null;
    if (good.length === 0) {
      this.#failed((silent ?? (answers[0] as FamilyAnswer)).trouble as string);
      return;
    }
    this.#troubles = 0;
    this.#take(hosts);
    const lost = hosts.find(({ v4, v6 }) => v4.trouble !== null && v6.trouble !== null) ?? null;
    if (silent !== null) this.#report(silent.trouble);
    else this.#report(lost === null ? null : `${lost.host}: ${lost.v4.trouble}`);
    const ttlMs = Math.min(...good.map(({ ttlS }) => ttlS)) * 1_000;
    this.#again(ttlMs);
  }

  #take(hosts: readonly HostAnswer[]): void {
    this.#learn(hosts);
    const set = this.#config.dialect === 'logical' ? this.#logical() : this.#strict(hosts);
    const text = JSON.stringify(set);
    if (text === this.#told) return;
    this.#told = text;
    this.#endpoints = set.length;
    this.#events.onEndpoints(set);
  }

  /** Per host and family: what was told replaces, what nobody could tell stays as it was. A host with neither stays whole. */
  #learn(hosts: readonly HostAnswer[]): void {
    const known = new Map<string, readonly string[]>();
    for (const { host, v4, v6 } of hosts) {
      const isGone = v4.trouble !== null && v6.trouble !== null;
      for (const [key, answer] of [
        [`${host}/4`, v4],
        [`${host}/6`, v6],
      ] as const)
        known.set(key, answer.told && !isGone ? answer.addresses : (this.#known.get(key) ?? []));
    }
    this.#known = known;
  }

  #strict(hosts: readonly HostAnswer[]): Endpoint[] {
    const endpoints = new Map<string, Endpoint>();
    for (const { host, port, weight } of hosts) {
      const share = Math.min(Math.max(weight, 1), WEIGHT_MAX);
      for (const ip of [`${host}/4`, `${host}/6`].flatMap((key) => this.#known.get(key) ?? [])) {
        const address = formatAddress(ip, port);
        const endpoint = { address, id: address, draining: false };
        if (!endpoints.has(address))
          endpoints.set(address, share === 1 ? endpoint : { ...endpoint, weight: share });
      }
    }
    return [...endpoints.values()].sort((a, b) => (a.address < b.address ? -1 : 1));
  }

  /** Of an answer that has addresses. */
  #logical(): Endpoint[] {
    const { name, port } = this.#config;
    const [first] = [...this.#known.values()].flat() as [string, ...string[]];
    const address = formatAddress(name, port);
    return [{ address, dialAddress: formatAddress(first, port), id: address, draining: false }];
  }

  #failed(reason: string): void {
    this.#report(reason);
    const { minRefreshMs, maxRefreshMs } = this.#config;
    const waitMs = Math.min(maxRefreshMs, minRefreshMs * 2 ** Math.min(this.#troubles++, 20));
    this.#again(waitMs * (1 - JITTER * Math.random()));
  }

  #report(reason: string | null): void {
    const { name, server } = this.#config;
    const trouble = reason === null ? null : `DNS (${server ?? 'of the system'}) for ${name}: ${reason}`;
    if (trouble === this.trouble) return;
    this.trouble = trouble;
    this.#events.onTrouble(trouble);
  }

  #again(waitMs: number): void {
    const { minRefreshMs, maxRefreshMs } = this.#config;
    this.#refreshMs = Math.ceil(Math.min(Math.max(waitMs, minRefreshMs), maxRefreshMs));
    this.#timer = setTimeout(() => void this.#look(), this.#refreshMs);
  }
}
