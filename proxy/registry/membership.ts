/** One instance's lease: registers, renews it, registers again when it was lost, and leaves. */
import * as grpc from '@grpc/grpc-js';
import { type ChannelTls, channelTls } from './channel-tls.ts';
import { type Ask, LeaseHolder } from './lease-holder.ts';
import { CHANNEL, type LeaseMessage, registryMethod } from './protos.ts';
import { tokenOf } from './token-file.ts';

const CALL_MS = 2_000;
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
  /** The registry is asked. */
  onAsk?: (kind: Ask['kind']) => void;
}

export class Membership {
  /** While it is, nothing is said, as if it got lost. */
  muted = false;
  readonly #client: grpc.Client;
  readonly #member: Member;
  readonly #metadata: grpc.Metadata;
  readonly #warn: (message: string) => void;
  readonly #onAsk: (kind: Ask['kind']) => void;
  readonly #holder: LeaseHolder;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  /** Throws a SidecarError for a file that cannot be used. */
  constructor(registry: string, member: Member, { tls, tokenFile, warn, onAsk }: MembershipOptions = {}) {
    const { credentials, options } = channelTls(tls ?? null, 'registry');
    this.#metadata = tokenOf(tokenFile ?? null);
    this.#client = new grpc.Client(registry, credentials, { ...CHANNEL, ...options });
    this.#member = member;
    this.#warn = warn ?? (() => undefined);
    this.#onAsk = onAsk ?? (() => undefined);
    this.#holder = new LeaseHolder(member.ttlMs, Math.random);
    this.#step();
  }

  /** Gives the lease back; resolves in any case. */
  async leave(): Promise<void> {
    const id = this.#holder.leaseId;
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
    const ask = this.#holder.ask(Date.now());
    this.#onAsk(ask.kind);
    if (ask.kind === 'heartbeat')
      return this.#call('Heartbeat', { lease_id: ask.leaseId, sequence: ask.sequence }, heard);
    const { service, address, weight = 1, ttlMs } = this.#member;
    const { incarnation } = ask;
    this.#call('Register', { service, address, weight, ttl_ms: ttlMs, incarnation }, heard);
  }

  #heard(error: grpc.ServiceError | null, lease: LeaseMessage | undefined): void {
    if (this.#closed) return;
    const holder = this.#holder;
    if (error === null && lease !== undefined) {
      if (holder.failures > 0) this.#warn('the registry answers again');
      return this.#again(holder.granted({ leaseId: lease.lease_id, ttlMs: lease.ttl_ms }));
    }
    if (error?.code === grpc.status.NOT_FOUND) {
      holder.lost();
      return this.#step();
    }
    if (holder.failures === 0) this.#warn(`the registry refuses or is away: ${error?.details ?? ''}`);
    this.#again(holder.failed());
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
