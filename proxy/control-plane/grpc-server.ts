/** The control plane on the wire: aggregated discovery over gRPC, both variants, for sidecars and Envoys. */
import * as grpc from '@grpc/grpc-js';
import { adsService, PROTO_CODEC } from '../discovery/xds-protos.ts';
import { SidecarError } from '../policy/trouble.ts';
import { buildMessages } from '../xds/build.ts';
import type { MeshPlan } from '../xds/plan.ts';
import type { DeltaRequest, DiscoveryRequest } from '../xds/messages.ts';
import type { Answer } from '../xds/server-session.ts';
import { type Session, XdsServer } from '../xds/server.ts';
import type { Snapshot } from '../xds/snapshot.ts';

const STREAMS_MAX = 10_000;
const REQUEST_BYTES_MAX = 4 * 1_024 * 1_024;
const CLOSE_MS = 1_000;

type Stream = grpc.ServerDuplexStream<DiscoveryRequest & DeltaRequest, object>;

export class ControlPlane {
  /** What clients say to what they were sent. */
  onAnswer: (answer: Answer) => void = () => {};
  readonly #core: XdsServer;
  readonly #server: grpc.Server;
  readonly #timers = new Map<Session, NodeJS.Timeout>();

  /** Versions begin with the time of the start in ms, so that they rise over restarts, too. */
  constructor(plan: MeshPlan) {
    this.#core = new XdsServer(PROTO_CODEC, Date.now(), buildMessages(plan, PROTO_CODEC));
    this.#core.onAnswer = (answer) => this.onAnswer(answer);
    this.#server = new grpc.Server({
      'grpc.max_concurrent_streams': STREAMS_MAX,
      'grpc.max_receive_message_length': REQUEST_BYTES_MAX,
      'grpc.max_send_message_length': -1,
    });
    this.#server.addService(adsService() as unknown as grpc.ServiceDefinition, {
      StreamAggregatedResources: (stream: Stream) => this.#serve(stream, 'sotw'),
      DeltaAggregatedResources: (stream: Stream) => this.#serve(stream, 'delta'),
    });
  }

  /** Resolves to HOST:PORT; port 0 lets the system choose. `pair` null: in the clear. */
  listen(address: string, pair: { key: Buffer; cert: Buffer } | null = null): Promise<string> {
    const credentials =
      pair === null
        ? grpc.ServerCredentials.createInsecure()
        : grpc.ServerCredentials.createSsl(null, [{ private_key: pair.key, cert_chain: pair.cert }]);
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, credentials, (error, port) => {
        if (error === null) return resolve(`${address.slice(0, address.lastIndexOf(':'))}:${port}`);
        const remedy = 'choose another port, or port 0 for any free one';
        reject(
          new SidecarError('MW_PORT', `cannot listen: ${error.message}`, {
            place: `--listen ${address}`,
            remedy,
          }),
        );
      });
    });
  }

  /** Tells all clients; null when nothing differs. */
  update(plan: MeshPlan): Snapshot | null {
    const next = this.#core.update(buildMessages(plan, PROTO_CODEC), nowNs());
    if (next !== null) for (const session of this.#core.sessions) this.#arm(session);
    return next;
  }

  /** Streams that are open. */
  get clients(): number {
    return this.#core.sessions.size;
  }

  async close(): Promise<void> {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    await new Promise<void>((resolve) => {
      const limit = setTimeout(() => this.#server.forceShutdown(), CLOSE_MS);
      this.#server.tryShutdown(() => {
        clearTimeout(limit);
        resolve();
      });
      // Streams of discovery never end by themselves.
      this.#server.forceShutdown();
    });
  }

  #serve(stream: Stream, variant: 'sotw' | 'delta'): void {
    const sink = {
      send: (response: object) => void stream.write(response),
      end: (code: number, details: string) =>
        void stream.emit('error', Object.assign(new Error(details), { code, details })),
    };
    const session = variant === 'sotw' ? this.#core.openSotw(sink) : this.#core.openDelta(sink);
    const done = (): void => {
      this.#core.close(session);
      clearTimeout(this.#timers.get(session));
      this.#timers.delete(session);
    };
    stream.on('data', (request: DiscoveryRequest & DeltaRequest) => {
      session.advance(nowNs());
      session.handleRequest(request);
      this.#arm(session);
    });
    stream.on('cancelled', done);
    stream.on('error', done);
    stream.on('end', () => {
      done();
      stream.end();
    });
  }

  #arm(session: Session): void {
    clearTimeout(this.#timers.get(session));
    this.#timers.delete(session);
    const dueNs = session.nextTimeoutNs;
    if (dueNs === Infinity || !this.#core.sessions.has(session)) return;
    const timer = setTimeout(
      () => {
        session.advance(nowNs());
        session.handleTimeout();
        this.#arm(session);
      },
      Math.max(1, Math.ceil((dueNs - nowNs()) / 1e6)),
    );
    this.#timers.set(session, timer);
  }
}

function nowNs(): number {
  return Math.floor(performance.now() * 1e6);
}
