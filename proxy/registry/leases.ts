/**
 * Leases of instances, without IO: time and lease ids are passed in. An instance is served while its lease lives; a lease
 * that is not renewed ends at its time. An address has one live lease at most, whatever its service.
 */
import { parseAddress } from '../policy/address.ts';
import { WEIGHT_MAX } from '../policy/config.ts';

export interface Registration {
  service: string;
  address: string;
  weight: number;
  ttlMs: number;
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
  status: 'INVALID_ARGUMENT' | 'ALREADY_EXISTS' | 'NOT_FOUND' | 'RESOURCE_EXHAUSTED';
  details: string;
}

export interface Grant {
  leaseId: string;
  ttlMs: number;
}

export const LEASE_BOUNDS = { leasesMax: 10_000, ttlMsMin: 100, ttlMsMax: 3_600_000 };
export const SERVICE_NAME_MAX = 256;
const ADDRESS_MAX = 300;

interface Lease extends Registration {
  id: string;
  endsMs: number;
}

interface Service {
  version: number;
  leases: Map<string, Lease>;
}

export class Leases {
  /** The set of a service changed. */
  onChange: (service: string) => void = () => {};
  readonly #bounds: typeof LEASE_BOUNDS;
  readonly #leases = new Map<string, Lease>();
  readonly #byAddress = new Map<string, Lease>();
  readonly #services = new Map<string, Service>();
  #version: number;
  #nowMs = 0;
  #dueMs = Infinity;

  /** `version`: what the versions rise from; a restarted registry begins above those of before. */
  constructor(version: number, bounds = LEASE_BOUNDS) {
    this.#version = version;
    this.#bounds = bounds;
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
    const changed = new Set<string>();
    for (const lease of this.#leases.values()) {
      if (lease.endsMs > this.#nowMs) dueMs = Math.min(dueMs, lease.endsMs);
      else {
        this.#remove(lease);
        changed.add(lease.service);
      }
    }
    this.#dueMs = dueMs;
    for (const service of changed) this.#changed(service);
  }

  /** `leaseId` must be new and hard to guess. */
  register(given: Registration, leaseId: string): Grant | Refusal {
    const wrong = faultOf(given);
    if (wrong !== null) return { status: 'INVALID_ARGUMENT', details: wrong };
    if (this.#byAddress.has(given.address))
      return { status: 'ALREADY_EXISTS', details: `${given.address} is held by a lease that lives` };
    const { leasesMax, ttlMsMin, ttlMsMax } = this.#bounds;
    if (this.#leases.size >= leasesMax)
      return { status: 'RESOURCE_EXHAUSTED', details: `there are ${leasesMax} leases` };
    const ttlMs = Math.min(Math.max(given.ttlMs, ttlMsMin), ttlMsMax);
    const { service, address, weight } = given;
    const lease = { id: leaseId, service, address, weight, ttlMs, endsMs: this.#nowMs + ttlMs };
    this.#leases.set(leaseId, lease);
    this.#byAddress.set(address, lease);
    const entry = this.#services.get(service) ?? { version: 0, leases: new Map<string, Lease>() };
    this.#services.set(service, entry);
    entry.leases.set(address, lease);
    this.#dueMs = Math.min(this.#dueMs, lease.endsMs);
    this.#changed(service);
    return { leaseId, ttlMs };
  }

  heartbeat(leaseId: string): Grant | Refusal {
    const lease = this.#leases.get(leaseId);
    if (lease === undefined) return NO_LEASE;
    lease.endsMs = this.#nowMs + lease.ttlMs;
    return { leaseId, ttlMs: lease.ttlMs };
  }

  /** Null: done. */
  leave(leaseId: string): Refusal | null {
    const lease = this.#leases.get(leaseId);
    if (lease === undefined) return NO_LEASE;
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

  #remove(lease: Lease): void {
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

const NO_LEASE: Refusal = { status: 'NOT_FOUND', details: 'there is no such lease; register again' };

function faultOf({ service, address, weight, ttlMs }: Registration): string | null {
  if (service === '' || service.length > SERVICE_NAME_MAX)
    return `service: 1 to ${SERVICE_NAME_MAX} characters`;
  if (address.length > ADDRESS_MAX || parseAddress(address) === null) return 'address: must be HOST:PORT';
  if (!Number.isInteger(weight) || weight < 1 || weight > WEIGHT_MAX) return `weight: 1 to ${WEIGHT_MAX}`;
  return Number.isInteger(ttlMs) && ttlMs >= 1 ? null : 'ttl_ms: at least 1';
}
