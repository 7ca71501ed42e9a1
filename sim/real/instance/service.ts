/** What an instance does with a call of the demo service: waits its latency, fails by rule or greets; and tells the journal. */
import grpc from '@grpc/grpc-js';
import {
  type LoadFacts,
  LOAD_PARTS,
  LOAD_REPORT_TRAILER,
  LoadMeter,
  loadReportOctets,
} from '../../base/load-meter.ts';
import type { FailRule } from '../../faults/controls.ts';
import { Kind, LOAD_MEASURES } from '../../journal/events.ts';
import type { Latency } from '../../spec/scenario.ts';
import { drawLatencyMs } from '../draw.ts';
import type { EventBuffer } from '../process/event-buffer.ts';
import { FailRules } from './fail-rules.ts';

const SERVICE = '/my_service.MyService';
const REPLIES_PER_STREAM = 3;
/** As the sidecar marks copies. */
const MIRROR_HEADER = 'x-meshwright-mirror';

type Message = { name: string };
type Reply = { message: string };
type AnyCall = {
  readonly metadata: grpc.Metadata;
  sendMetadata(metadata: grpc.Metadata): void;
  readonly cancelled: boolean;
};

export interface ServiceOptions {
  seed: number;
  instance: number;
  latency: Latency;
  /** Null: it says nothing of its load. */
  load: LoadFacts | null;
  now: () => number;
  events: EventBuffer;
  /** Called after each event. */
  onEvent: () => void;
}

/** One call as the journal names it. */
interface Arrival {
  call: number;
  attempt: number;
  rule: FailRule | null;
}

export class DemoService {
  readonly rules: FailRules;
  readonly #options: ServiceOptions;
  readonly #meter: LoadMeter | null;
  /** Calls without a number still draw latencies of their own. */
  #unnamed = 0;

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#meter = options.load === null ? null : new LoadMeter(options.load);
    this.rules = new FailRules(options.seed, options.instance);
  }

  handlers(): grpc.UntypedServiceImplementation {
    return {
      MyMethod: (call: grpc.ServerUnaryCall<Message, Reply>, callback: grpc.sendUnaryData<Reply>) => {
        const arrival = this.#arrive('MyMethod', call);
        this.#afterLatency(arrival, () =>
          this.#answer(arrival, call, callback, `Hello, ${call.request.name}`),
        );
      },
      MyClientStream: (
        call: grpc.ServerReadableStream<Message, Reply>,
        callback: grpc.sendUnaryData<Reply>,
      ) => {
        const arrival = this.#arrive('MyClientStream', call);
        const names: string[] = [];
        call.on('data', (message: Message) => names.push(message.name));
        call.on('error', () => undefined);
        call.on('end', () =>
          this.#afterLatency(arrival, () =>
            this.#answer(arrival, call, callback, `Hello, ${names.join(', ')}`),
          ),
        );
      },
      MyServerStream: (call: grpc.ServerWritableStream<Message, Reply>) => {
        const arrival = this.#arrive('MyServerStream', call);
        this.#afterLatency(arrival, () => {
          if (this.#failStream(arrival, call)) return;
          for (let n = 0; n < REPLIES_PER_STREAM; n++) call.write({ message: `Hello, ${call.request.name}` });
          this.#finish(arrival, call);
        });
      },
      MyBidiStream: (call: grpc.ServerDuplexStream<Message, Reply>) => {
        const arrival = this.#arrive('MyBidiStream', call);
        call.on('data', (message: Message) => {
          if (arrival.rule === null) call.write({ message: `Hello, ${message.name}` });
        });
        call.on('error', () => undefined);
        call.on('end', () =>
          this.#afterLatency(arrival, () => {
            if (!this.#failStream(arrival, call)) this.#finish(arrival, call);
          }),
        );
      },
    };
  }

  #arrive(method: string, call: AnyCall): Arrival {
    // A copy of a call is nobody's call.
    const isCopy = call.metadata.get(MIRROR_HEADER).length > 0;
    const number = isCopy ? -1 : readNumber(call.metadata, 'x-meshwright-call');
    const attempt = Math.max(0, readNumber(call.metadata, 'grpc-previous-rpc-attempts')) + 1;
    const arrival = {
      call: number,
      attempt,
      rule: this.rules.match(`${SERVICE}/${method}`, number, attempt),
    };
    this.#record(Kind.attemptArrived, arrival, -1);
    return arrival;
  }

  #afterLatency(arrival: Arrival, answer: () => void): void {
    const { seed, instance, latency } = this.#options;
    const call = arrival.call < 0 ? --this.#unnamed : arrival.call;
    const waitMs = drawLatencyMs(latency, seed, instance, call, arrival.attempt);
    if (waitMs <= 0) answer();
    else setTimeout(answer, waitMs);
  }

  #answer(arrival: Arrival, call: AnyCall, callback: grpc.sendUnaryData<Reply>, message: string): void {
    const { rule } = arrival;
    if (call.cancelled) return;
    const metadata = this.#report(arrival);
    this.#record(Kind.attemptAnswered, arrival, rule?.status ?? 0);
    if (rule === null) {
      callback(null, { message }, metadata);
      return;
    }
    if (rule.afterHeaders) call.sendMetadata(new grpc.Metadata());
    callback({ code: rule.status, details: 'failed by a rule of the scenario', metadata });
  }

  #failStream(arrival: Arrival, call: AnyCall & { emit(event: 'error', error: unknown): boolean }): boolean {
    const { rule } = arrival;
    if (call.cancelled) return true;
    if (rule === null) return false;
    const metadata = this.#report(arrival);
    this.#record(Kind.attemptAnswered, arrival, rule.status);
    if (rule.afterHeaders) call.sendMetadata(new grpc.Metadata());
    call.emit('error', { code: rule.status, details: 'failed by a rule of the scenario', metadata });
    return true;
  }

  #finish(arrival: Arrival, call: { end(metadata: grpc.Metadata): void }): void {
    const metadata = this.#report(arrival);
    this.#record(Kind.attemptAnswered, arrival, 0);
    call.end(metadata);
  }

  /** Trailers that say how loaded it is, if it says so. */
  #report(arrival: Arrival): grpc.Metadata {
    const metadata = new grpc.Metadata();
    const { now, instance, events } = this.#options;
    if (this.#meter === null) return metadata;
    const tNs = now();
    const report = this.#meter.answered(tNs, arrival.rule !== null);
    metadata.set(LOAD_REPORT_TRAILER, Buffer.from(loadReportOctets(report)));
    LOAD_MEASURES.forEach((measure, index) => {
      const parts = Math.round(report[measure] * LOAD_PARTS);
      if (parts > 0)
        events.add(Kind.loadReported, tNs, arrival.call, arrival.attempt, instance, parts, index, -1);
    });
    return metadata;
  }

  #record(kind: Kind, arrival: Arrival, code: number): void {
    const { events, now, instance, onEvent } = this.#options;
    events.add(kind, now(), arrival.call, arrival.attempt, instance, code, -1, -1);
    onEvent();
  }
}

/** A whole number in a request header, or -1. */
function readNumber(metadata: grpc.Metadata, name: string): number {
  const value = metadata.get(name)[0];
  return typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : -1;
}
