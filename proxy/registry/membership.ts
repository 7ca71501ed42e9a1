/** One instance's lease: registers, renews it, registers again when it was lost, and leaves. */
import * as grpc from '@grpc/grpc-js';
import { reconnectNs } from '../policy/reconnect.ts';
import { type ChannelTls, channelTls } from './channel-tls.ts';
import { CHANNEL, type LeaseMessage, registryMethod } from './protos.ts';
import { tokenOf } from './token-file.ts';

const CALL_MS = 2_000;
/** A lease is renewed this often in its time. */
const RENEWALS = 3;
const MUTED_LOOK_MS = 10;

export interface Member {
  service: string;
  address: string;
  weight?: number;
  ttlMs: number;
}

/** How the registry is spoken to; nothing given: in the clear, without a token. */
export interface MembershipOptions {
  tls?: ChannelTls | null;
  tokenFile?: string | null;
  warn?: (message: string) => void;
}

export class Membership {
  /** While it is, nothing is said, as if it got lost. */
  muted = false;
  readonly #client: grpc.Client;
  readonly #member: Member;
  readonly #metadata: grpc.Metadata;
  readonly #warn: (message: string) => void;
  #leaseId: string | null = null;
  #incarnation = 0;
  #sequence = 0;
  #failures = 0;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  /** Throws a SidecarError for a file that cannot be used. */
  constructor(registry: string, member: Member, { tls, tokenFile, warn }: MembershipOptions = {}) {
    const { credentials, options } = channelTls(tls ?? null, 'registry');
    this.#metadata = tokenOf(tokenFile ?? null);
    this.#client = new grpc.Client(registry, credentials, { ...CHANNEL, ...options });
    this.#member = member;
    this.#warn = warn ?? (() => undefined);
    this.#step();
  }

  /** Gives the lease back; resolves in any case. */
  async leave(): Promise<void> {
    const id = this.#leaseId;
    this.#stop();
    if (id !== null && !this.muted)
      await new Promise<void>((resolve) => this.#call('Leave', { lease_id: id }, () => resolve()));
    this.#client.close();
  }

  /** Ends without a word, as a process that dies: the lease runs out. */
  abandon(): void {
    this.#stop();
    this.#client.close();
  }

  #stop(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #step(): void {
    if (this.muted) return this.#again(MUTED_LOOK_MS);
    const heard = (error: grpc.ServiceError | null, lease?: LeaseMessage): void => this.#heard(error, lease);
    const id = this.#leaseId;
    if (id !== null) return this.#call('Heartbeat', { lease_id: id, sequence: ++this.#sequence }, heard);
    const { service, address, weight = 1, ttlMs } = this.#member;
    // Each one greater: the answer to the one before may have been lost.
    this.#incarnation = Math.max(Date.now(), this.#incarnation + 1);
    const incarnation = this.#incarnation;
    this.#call('Register', { service, address, weight, ttl_ms: ttlMs, incarnation }, heard);
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
    const waitMs = reconnectNs(this.#failures, Math.random()) / 1e6;
    this.#again(this.#leaseId === null ? waitMs : Math.min(waitMs, this.#member.ttlMs / RENEWALS));
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
    const metadata = this.#metadata;
    this.#client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      options,
      done,
    );
  }
}
