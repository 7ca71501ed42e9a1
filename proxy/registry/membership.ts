/** One instance's lease: registers, renews it, registers again when it was lost, and leaves. */
import * as grpc from '@grpc/grpc-js';
import { reconnectNs } from '../policy/reconnect.ts';
import { CHANNEL, type LeaseMessage, registryMethod } from './protos.ts';

const CALL_MS = 2_000;
/** A lease is renewed this often in its time. */
const RENEWALS = 3;

export class Membership {
  readonly #client: grpc.Client;
  readonly #registration: object;
  readonly #warn: (message: string) => void;
  #leaseId: string | null = null;
  #failures = 0;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(
    registry: string,
    { service, address, ttlMs }: { service: string; address: string; ttlMs: number },
    warn: (message: string) => void,
  ) {
    this.#client = new grpc.Client(registry, grpc.credentials.createInsecure(), CHANNEL);
    this.#registration = { service, address, weight: 1, ttl_ms: ttlMs };
    this.#warn = warn;
    this.#step();
  }

  /** Gives the lease back; resolves in any case. */
  async leave(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const id = this.#leaseId;
    if (id !== null)
      await new Promise<void>((resolve) => this.#call('Leave', { lease_id: id }, () => resolve()));
    this.#client.close();
  }

  #step(): void {
    const id = this.#leaseId;
    if (id === null) this.#call('Register', this.#registration, (error, lease) => this.#heard(error, lease));
    else this.#call('Heartbeat', { lease_id: id }, (error, lease) => this.#heard(error, lease));
  }

  #heard(error: grpc.ServiceError | null, lease: LeaseMessage | undefined): void {
    if (this.#closed) return;
    if (error === null && lease !== undefined) {
      if (this.#failures > 0) this.#warn('the registry answers again');
      this.#failures = 0;
      this.#leaseId = lease.lease_id;
      this.#again(lease.ttl_ms / RENEWALS);
      return;
    }
    if (error?.code === grpc.status.NOT_FOUND) {
      this.#leaseId = null;
      this.#step();
      return;
    }
    if (this.#failures++ === 0) this.#warn(`the registry refuses or is away: ${error?.details ?? ''}`);
    this.#again(reconnectNs(this.#failures, Math.random()) / 1e6);
  }

  #again(waitMs: number): void {
    this.#timer = setTimeout(() => this.#step(), waitMs);
  }

  #call(
    name: string,
    request: object,
    done: (error: grpc.ServiceError | null, lease?: LeaseMessage) => void,
  ): void {
    const { path, requestSerialize, responseDeserialize } = registryMethod<object, LeaseMessage>(name);
    const options = { deadline: Date.now() + CALL_MS };
    this.#client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, options, done);
  }
}
