/** grpc.health.v1 of one instance: SERVING until it drains, unless a rule fails checks. Watchers are told, and let go at the end. */
import grpc from '@grpc/grpc-js';
import { CHECK_PATH } from '../../faults/fail-status.ts';
import type { FailRules } from './fail-rules.ts';

type HealthStatus = 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';
type Request = { service: string };
type Reply = { status: HealthStatus };

export class Health {
  readonly #known: ReadonlySet<string>;
  readonly #rules: FailRules;
  #checks = 0;
  readonly #watchers = new Set<grpc.ServerWritableStream<Request, Reply>>();
  #serving = true;

  /** `services` by full name; '' is always known. */
  constructor(services: readonly string[], rules: FailRules) {
    this.#known = new Set(['', ...services]);
    this.#rules = rules;
  }

  handlers(): grpc.UntypedServiceImplementation {
    return {
      Check: (call: grpc.ServerUnaryCall<Request, Reply>, callback: grpc.sendUnaryData<Reply>) => {
        const status = this.#statusOf(call.request.service);
        const rule = this.#rules.matchOnly(CHECK_PATH, -1, ++this.#checks);
        if (rule !== null) callback({ code: rule.status, details: 'failed by a rule of the scenario' });
        else if (status === 'SERVICE_UNKNOWN')
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
