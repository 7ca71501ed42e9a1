/** The registry on the wire: leases over gRPC, and who watches a service hears each change. */
import { randomUUID } from 'node:crypto';
import * as grpc from '@grpc/grpc-js';
import { SidecarError } from '../policy/trouble.ts';
import { Access, type Caller } from './access.ts';
import {
  type Grant,
  LEASE_BOUNDS,
  Leases,
  type Refusal,
  type RegisteredSet,
  SERVICE_NAME_MAX,
} from './leases.ts';
import { registryService } from './protos.ts';

const WATCHERS_MAX = 10_000;
const REQUEST_BYTES_MAX = 64 * 1_024;

type Watcher = grpc.ServerWritableStream<{ service: string }, object>;
type Unary<Q> = (call: grpc.ServerUnaryCall<Q, object>, done: grpc.sendUnaryData<object>) => void;
interface LeaseRequestMessage {
  lease_id: string;
  sequence: number;
}
interface RegisterMessage {
  service: string;
  address: string;
  weight: number;
  ttl_ms: number;
  incarnation: number;
}

export class Registry {
  readonly #leases: Leases;
  readonly #server = new grpc.Server({ 'grpc.max_receive_message_length': REQUEST_BYTES_MAX });
  readonly #access: Access;
  readonly #watchers = new Map<string, Set<Watcher>>();
  /** They have not read what they were told: they get the set of then, and none between. */
  readonly #slow = new WeakSet<Watcher>();
  readonly #settleMs: number;
  #watching = 0;
  #settled = false;
  #timer: NodeJS.Timeout | null = null;
  #settling: NodeJS.Timeout | null = null;

  /** For `settleMs` from the start nobody is told a set: after a restart instances need a moment to register again. */
  constructor(settleMs: number, access = new Access(), lapseShareMax = 1) {
    this.#settleMs = settleMs;
    this.#access = access;
    const leases = new Leases(Date.now(), LEASE_BOUNDS, lapseShareMax);
    leases.onChange = (service) => this.#tell(service);
    this.#leases = leases;
    const register: Unary<RegisterMessage> = (call, done) => {
      const { service, address, weight, ttl_ms: ttlMs, incarnation } = call.request;
      const given = { service, address, weight: weight === 0 ? 1 : weight, ttlMs, incarnation };
      const take = ({ owner, refuses }: Caller) =>
        refuses(service, address) ?? leases.register(given, owner, randomUUID());
      this.#answer(call, take, done);
    };
    const heartbeat: Unary<LeaseRequestMessage> = (call, done) => {
      const { lease_id: id, sequence } = call.request;
      this.#answer(call, ({ owner }) => leases.heartbeat(id, sequence, owner), done);
    };
    const leave: Unary<LeaseRequestMessage> = (call, done) =>
      this.#answer(call, ({ owner }) => leases.leave(call.request.lease_id, owner), done);
    this.#server.addService(registryService() as unknown as grpc.ServiceDefinition, {
      Register: register,
      Heartbeat: heartbeat,
      Leave: leave,
      Watch: (stream: Watcher) => this.#watch(stream),
    });
  }

  /** Resolves to HOST:PORT; port 0 lets the system choose. `pair`: certificate and key, for TLS; null: in the clear. */
  listen(address: string, pair: { cert: Buffer; key: Buffer } | null = null): Promise<string> {
    const credentials =
      pair === null
        ? grpc.ServerCredentials.createInsecure()
        : grpc.ServerCredentials.createSsl(null, [{ cert_chain: pair.cert, private_key: pair.key }]);
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, credentials, (error, port) => {
        if (error !== null) {
          const options = { place: `--listen ${address}`, remedy: 'choose another port, or port 0' };
          return reject(new SidecarError('MW_PORT', `cannot listen: ${error.message}`, options));
        }
        this.#settling = setTimeout(() => this.#settle(), this.#settleMs);
        resolve(`${address.slice(0, address.lastIndexOf(':'))}:${port}`);
      });
    });
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#settling !== null) clearTimeout(this.#settling);
    this.#server.forceShutdown();
  }

  #answer(
    call: grpc.ServerUnaryCall<unknown, object>,
    entry: (caller: Caller) => Grant | Refusal | null,
    done: grpc.sendUnaryData<object>,
  ): void {
    this.#advance();
    const caller = this.#callerOf(call);
    const answer = 'status' in caller ? caller : entry(caller);
    this.#arm();
    if (answer !== null && 'status' in answer)
      done({ code: grpc.status[answer.status], details: answer.details });
    else done(null, answer === null ? {} : { lease_id: answer.leaseId, ttl_ms: answer.ttlMs });
  }

  #callerOf(call: { metadata: grpc.Metadata; getPeer(): string }): Caller | Refusal {
    const [authorization] = call.metadata.get('authorization');
    const peer = call
      .getPeer()
      .replace(/:\d+$/, '')
      .replace(/^\[|\]$/g, '');
    return this.#access.callerOf(authorization?.toString(), peer, Date.now());
  }

  #watch(stream: Watcher): void {
    const { service } = stream.request;
    const fail = (code: grpc.status, details: string): void =>
      void stream.emit('error', Object.assign(new Error(details), { code, details }));
    if (service === '' || service.length > SERVICE_NAME_MAX)
      return fail(grpc.status.INVALID_ARGUMENT, `service: 1 to ${SERVICE_NAME_MAX} characters`);
    // Where everybody has a name, who is there is told to those who have one; what it may register does not matter.
    const caller = this.#callerOf(stream);
    if ('status' in caller) return fail(grpc.status[caller.status], caller.details);
    if (this.#watching >= WATCHERS_MAX)
      return fail(grpc.status.RESOURCE_EXHAUSTED, `there are ${WATCHERS_MAX} watchers`);
    const watchers = this.#watchers.get(service) ?? new Set<Watcher>();
    this.#watchers.set(service, watchers.add(stream));
    this.#watching++;
    const done = (): void => {
      if (!watchers.delete(stream)) return;
      this.#watching--;
      if (watchers.size === 0 && this.#watchers.get(service) === watchers) this.#watchers.delete(service);
    };
    for (const event of ['cancelled', 'error', 'close']) stream.on(event, done);
    stream.on('drain', () => {
      if (this.#slow.delete(stream)) this.#write(stream, this.#leases.set(service));
    });
    this.#advance();
    if (this.#settled) this.#write(stream, this.#leases.set(service));
  }

  #settle(): void {
    this.#settled = true;
    this.#advance();
    for (const service of this.#watchers.keys()) this.#tell(service);
  }

  #tell(service: string): void {
    const watchers = this.#watchers.get(service);
    if (watchers === undefined || !this.#settled) return;
    const set = this.#leases.set(service);
    for (const stream of watchers) this.#write(stream, set);
  }

  #write(stream: Watcher, set: RegisteredSet): void {
    if (stream.writableNeedDrain) this.#slow.add(stream);
    else stream.write(set);
  }

  #advance(): void {
    this.#leases.advance(performance.now());
    this.#arm();
  }

  #arm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const { nextTimeoutMs } = this.#leases;
    if (nextTimeoutMs === Infinity) return;
    this.#timer = setTimeout(
      () => this.#advance(),
      Math.max(1, Math.ceil(nextTimeoutMs - performance.now())),
    );
  }
}
