/**
 * Leases of instances, without IO: time and lease ids are passed in. An instance is served while its lease lives; a lease
 * that is not renewed ends at its time. An address has one live lease at most, whatever its service; a lease is its owner's
 * alone. Incarnations and sequences rise, so that what was said once and comes again changes nothing.
 */
import { parseAddress } from '../policy/address.ts';
import { WEIGHT_MAX } from '../policy/config.ts';

export interface Registration {
  service: string;
  address: string;
  weight: number;
  ttlMs: number;
  /** Greater with each registration of this owner's address. */
  incarnation: number;
}

export interface Registered {
  address: string;
  weight: number;
}

export interface RegisteredSet {
  version: number;
  endpoints: readonly Registered[];
}

/** Names of gRPC statuses. */
export interface Refusal {
  status:
    | 'INVALID_ARGUMENT'
    | 'ALREADY_EXISTS'
    | 'NOT_FOUND'
    | 'RESOURCE_EXHAUSTED'
    | 'UNAUTHENTICATED'
    | 'PERMISSION_DENIED';
  details: string;
}

export interface Grant {
  leaseId: string;
  ttlMs: number;
}

export const LEASE_BOUNDS = { leasesMax: 10_000, ttlMsMin: 100, ttlMsMax: 60_000 };
export const SERVICE_NAME_MAX = 256;
const ADDRESS_MAX = 300;

interface Lease extends Registration {
  id: string;
  owner: string;
  sequence: number;
  endsMs: number;
}

interface Service {
  version: number;
  leases: Map<string, Lease>;
  /** Leases that ran out of late, by when they are forgotten. */
  lapsedMs: number[];
}

export class Leases {
  /** The set of a service changed. */
  onChange: (service: string) => void = () => {};
  readonly #bounds: typeof LEASE_BOUNDS;
  readonly #lapseShareMax: number;
  readonly #leases = new Map<string, Lease>();
  readonly #byAddress = new Map<string, Lease>();
  readonly #services = new Map<string, Service>();
  /** Latest incarnation by owner and address, also of leases that are over; as many as there may be leases, the oldest go. */
  readonly #incarnations = new Map<string, number>();
  #version: number;
  #nowMs = 0;
  #dueMs = Infinity;

  /**
   * `version`: what the versions rise from; a restarted registry begins above those of before. `lapseShareMax`: where more than this
   * share of a service's leases would run out within one's time, those that are over stay until they are renewed or fewer are.
   */
  constructor(version: number, bounds = LEASE_BOUNDS, lapseShareMax = 1) {
    this.#version = version;
    this.#bounds = bounds;
    this.#lapseShareMax = lapseShareMax;
  }

  /** No lease ends before; one may have been renewed since, so that nothing ends then. */
  get nextTimeoutMs(): number {
    return this.#dueMs;
  }

  get size(): number {
    return this.#leases.size;
  }

  /** Before every entry. Ends what is over. */
  advance(nowMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    if (this.#nowMs < this.#dueMs) return;
    let dueMs = Infinity;
    const over: Lease[] = [];
    for (const lease of this.#leases.values()) {
      if (lease.endsMs > this.#nowMs) dueMs = Math.min(dueMs, lease.endsMs);
      else over.push(lease);
    }
    const changed = new Set<string>();
    const mayKeep = this.#lapseShareMax < 1;
    const kept = mayKeep ? this.#tooMany(over) : NOBODY;
    for (const lease of over) {
      if (kept.has(lease.service)) dueMs = Math.min(dueMs, this.#nowMs + lease.ttlMs);
      else {
        if (mayKeep) this.#services.get(lease.service)?.lapsedMs.push(this.#nowMs + lease.ttlMs);
        this.#remove(lease);
        changed.add(lease.service);
      }
    }
    this.#dueMs = dueMs;
    for (const service of changed) this.#changed(service);
  }

  /** `leaseId` must be new and hard to guess. */
  register(given: Registration, owner: string, leaseId: string): Grant | Refusal {
    const wrong = faultOf(given);
    if (wrong !== null) return { status: 'INVALID_ARGUMENT', details: wrong };
    const { service, address, weight, incarnation } = given;
    const held = this.#byAddress.get(address);
    const own = held?.owner === owner ? held : undefined;
    if (held !== undefined && own === undefined && held.endsMs > this.#nowMs)
      return { status: 'ALREADY_EXISTS', details: `${address} is held by a lease that lives` };
    if (incarnation <= (own?.incarnation ?? this.#incarnations.get(`${owner} ${address}`) ?? 0))
      return { status: 'ALREADY_EXISTS', details: `incarnation ${incarnation} of ${address} is an old one` };
    const { leasesMax, ttlMsMin, ttlMsMax } = this.#bounds;
    if (held === undefined && this.#leases.size >= leasesMax)
      return { status: 'RESOURCE_EXHAUSTED', details: `there are ${leasesMax} leases` };
    const ttlMs = Math.min(Math.max(given.ttlMs, ttlMsMin), ttlMsMax);
    const endsMs = this.#nowMs + ttlMs;
    const lease = { id: leaseId, owner, service, address, weight, ttlMs, incarnation, sequence: 0, endsMs };
    if (held !== undefined) this.#remove(held);
    this.#remember(lease);
    this.#leases.set(leaseId, lease);
    this.#byAddress.set(address, lease);
    const entry = this.#services.get(service) ?? {
      version: this.#version,
      leases: new Map<string, Lease>(),
      lapsedMs: [],
    };
    this.#services.set(service, entry);
    entry.leases.set(address, lease);
    this.#dueMs = Math.min(this.#dueMs, lease.endsMs);
    const stays = held?.service === service && held.weight === weight;
    if (!stays) this.#changed(service);
    if (held !== undefined && held.service !== service) this.#changed(held.service);
    return { leaseId, ttlMs };
  }

  /** `sequence`: greater with each heartbeat of the lease. */
  heartbeat(leaseId: string, sequence: number, owner: string): Grant | Refusal {
    const lease = this.#leases.get(leaseId);
    if (lease === undefined || lease.owner !== owner) return NO_LEASE;
    if (!Number.isSafeInteger(sequence) || sequence <= lease.sequence) return OLD_HEARTBEAT;
    lease.sequence = sequence;
    lease.endsMs = this.#nowMs + lease.ttlMs;
    return { leaseId, ttlMs: lease.ttlMs };
  }

  /** Null: done. */
  leave(leaseId: string, owner: string): Refusal | null {
    const lease = this.#leases.get(leaseId);
    if (lease === undefined || lease.owner !== owner) return NO_LEASE;
    this.#remove(lease);
    this.#changed(lease.service);
    return null;
  }

  /** Of any name; one that nobody registered is empty. */
  set(service: string): RegisteredSet {
    const entry = this.#services.get(service);
    if (entry === undefined) return { version: this.#version, endpoints: [] };
    const endpoints = [...entry.leases.values()].map(({ address, weight }) => ({ address, weight }));
    return { version: entry.version, endpoints };
  }

  /** Services of which so many leases are over, or were of late, that it is rather the way to them that is broken. */
  #tooMany(over: readonly Lease[]): ReadonlySet<string> {
    const counts = new Map<string, number>();
    for (const { service } of over) counts.set(service, (counts.get(service) ?? 0) + 1);
    const found = new Set<string>();
    for (const [name, count] of counts) {
      const service = this.#services.get(name) as Service;
      service.lapsedMs = service.lapsedMs.filter((untilMs) => untilMs > this.#nowMs);
      const late = service.lapsedMs.length;
      if ((late + count) / (late + service.leases.size) > this.#lapseShareMax) found.add(name);
    }
    return found;
  }

  #remember({ owner, address, incarnation }: Lease): void {
    const key = `${owner} ${address}`;
    this.#incarnations.delete(key);
    this.#incarnations.set(key, incarnation);
    if (this.#incarnations.size <= this.#bounds.leasesMax) return;
    for (const oldest of this.#incarnations.keys()) return void this.#incarnations.delete(oldest);
  }

  #remove(lease: Lease): void {
    this.#remember(lease);
    this.#leases.delete(lease.id);
    this.#byAddress.delete(lease.address);
    const entry = this.#services.get(lease.service) as Service;
    entry.leases.delete(lease.address);
    if (entry.leases.size === 0) this.#services.delete(lease.service);
  }

  #changed(service: string): void {
    this.#version++;
    const entry = this.#services.get(service);
    if (entry !== undefined) entry.version = this.#version;
    this.onChange(service);
  }
}

const NOBODY: ReadonlySet<string> = new Set();
const NO_LEASE: Refusal = { status: 'NOT_FOUND', details: 'there is no such lease; register again' };
const OLD_HEARTBEAT: Refusal = { status: 'ALREADY_EXISTS', details: 'the sequence is an old one' };

function faultOf({ service, address, weight, ttlMs, incarnation }: Registration): string | null {
  if (service === '' || service.length > SERVICE_NAME_MAX)
    return `service: 1 to ${SERVICE_NAME_MAX} characters`;
  if (address.length > ADDRESS_MAX || parseAddress(address) === null) return 'address: must be HOST:PORT';
  if (!Number.isInteger(weight) || weight < 1 || weight > WEIGHT_MAX) return `weight: 1 to ${WEIGHT_MAX}`;
  if (!Number.isSafeInteger(incarnation) || incarnation < 1) return 'incarnation: at least 1';
  return Number.isInteger(ttlMs) && ttlMs >= 1 ? null : 'ttl_ms: at least 1';
}
