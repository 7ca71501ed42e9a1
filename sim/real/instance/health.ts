/** grpc.health.v1 of one instance: SERVING until it drains. Watchers are told, and let go at the end. */
import grpc from '@grpc/grpc-js';

type HealthStatus = 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';
type Request = { service: string };
type Reply = { status: HealthStatus };

export class Health {
  readonly #known: ReadonlySet<string>;
  readonly #watchers = new Set<grpc.ServerWritableStream<Request, Reply>>();
  #serving = true;

  /** `services` by full name; '' is always known. */
  constructor(services: readonly string[]) {
    this.#known = new Set(['', ...services]);
  }

  handlers(): grpc.UntypedServiceImplementation {
    return {
      Check: (call: grpc.ServerUnaryCall<Request, Reply>, callback: grpc.sendUnaryData<Reply>) => {
        const status = this.#statusOf(call.request.service);
        if (status === 'SERVICE_UNKNOWN')
          callback({ code: grpc.status.NOT_FOUND, details: 'unknown service' });
        else callback(null, { status });
      },
      Watch: (call: grpc.ServerWritableStream<Request, Reply>) => {
        this.#watchers.add(call);
        call.on('cancelled', () => this.#watchers.delete(call));
        call.on('error', () => this.#watchers.delete(call));
        call.write({ status: this.#statusOf(call.request.service) });
      },
    };
  }

  /** The instance drains: NOT_SERVING, and watches end, for they would hold a graceful shutdown up. */
  drain(): void {
    this.#serving = false;
    for (const call of this.#watchers) {
      call.write({ status: this.#statusOf(call.request.service) });
      call.end();
    }
    this.#watchers.clear();
  }

  #statusOf(service: string): HealthStatus {
    if (!this.#known.has(service)) return 'SERVICE_UNKNOWN';
    return this.#serving ? 'SERVING' : 'NOT_SERVING';
  }
}
