/** Journals by hand for the checks' tests: a few words per event, judged the way the engine does it. */
import {
  ATTEMPT_ENDS,
  ENDPOINT_CHANGES,
  INSTANCE_STATES,
  Kind,
  MEMBER_STATES,
} from '../../../sim/journal/events.ts';
import { type ChunkConsumer, Journal } from '../../../sim/journal/journal.ts';
import { Judge } from '../../../sim/engine/judge.ts';
import type { CheckContext, CheckSpec, Verdict } from '../../../sim/spec/check.ts';

export class Script {
  tMs = 0;
  readonly #journal = new Journal({ retain: false });
  readonly #context: CheckContext;
  readonly #chunks: Parameters<ChunkConsumer>[] = [];
  #call = 0;

  constructor(instances: number, more: Partial<CheckContext> = {}) {
    this.#journal.onChunk((words, ...rest) => void this.#chunks.push([words.slice(), ...rest]));
    this.#context = {
      world: 'virtual',
      instanceNames: Array.from({ length: instances }, (_, index) => `greeter/${index}`),
      faults: [],
      sidecars: 1,
      weights: [],
      keys: 0,
      retryableStatuses: [14],
      ...more,
    };
  }

  /** Judges all that was written, with these checks at once. */
  verdicts(...specs: CheckSpec[]): Verdict[] {
    const runs = specs.map((spec) => spec.start(this.#context));
    const judge = new Judge(runs);
    this.#journal.finish();
    for (const chunk of this.#chunks) judge.consume(...chunk);
    return runs.map((run) => run.finish());
  }

  verdict(spec: CheckSpec): Verdict {
    return this.verdicts(spec)[0] as Verdict;
  }

  write(
    kind: Kind,
    call: number,
    attempt: number,
    instance: number,
    code: number,
    detail: number,
    sidecar = 0,
  ): this {
    this.#journal.write(kind, this.tMs * 1e6, call, attempt, instance, code, detail, sidecar);
    return this;
  }

  at(tMs: number): this {
    this.tMs = tMs;
    return this;
  }

  phase(code: number): this {
    return this.write(Kind.phase, -1, -1, -1, code, -1);
  }

  stall(ms: number): this {
    return this.write(Kind.stall, -1, -1, -1, -1, ms);
  }

  /** All instances ready and pickable for that many sidecars, and load begins. */
  up(instances: number, sidecars = 1): this {
    for (let index = 0; index < instances; index++) {
      this.state(index, 'ready');
      for (let sidecar = 0; sidecar < sidecars; sidecar++) this.saw(index, 'pickable', sidecar);
    }
    return this.phase(0);
  }

  state(instance: number, state: (typeof INSTANCE_STATES)[number]): this {
    return this.write(Kind.instanceState, -1, -1, instance, INSTANCE_STATES.indexOf(state), -1);
  }

  /** What discovery says of an instance. */
  member(instance: number, state: (typeof MEMBER_STATES)[number]): this {
    return this.write(Kind.memberState, -1, -1, instance, MEMBER_STATES.indexOf(state), -1);
  }

  saw(instance: number, change: (typeof ENDPOINT_CHANGES)[number], sidecar = 0): this {
    return this.write(Kind.endpointChanged, -1, -1, instance, ENDPOINT_CHANGES.indexOf(change), -1, sidecar);
  }

  fault(kind: 'faultRequested' | 'faultApplied' | 'faultHealed', fault: number, instance: number): this {
    return this.write(Kind[kind], fault, -1, instance, 0, -1);
  }

  /** First picks in that order, one ms apart, each a call that ends well. */
  picks(order: readonly number[], sidecar = 0): this {
    for (const instance of order) {
      const call = this.begin();
      this.sent(call, 1, instance, sidecar).end(call, 0);
      this.tMs += 1;
    }
    return this;
  }

  begin(direct = false): number {
    const call = this.#call++;
    this.write(Kind.callStart, call, -1, -1, direct ? 1 : 0, 2_000);
    return call;
  }

  sent(call: number, attempt: number, instance: number, sidecar = 0): this {
    return this.write(Kind.attemptSent, call, attempt, instance, -1, attempt === 1 ? 1 : 0, sidecar);
  }

  ended(
    call: number,
    attempt: number,
    instance: number,
    status: number,
    end: (typeof ATTEMPT_ENDS)[number],
  ): this {
    return this.write(Kind.attemptEnded, call, attempt, instance, status, ATTEMPT_ENDS.indexOf(end));
  }

  responded(call: number, attempt = 1): this {
    return this.write(Kind.responseStarted, call, attempt, -1, -1, -1);
  }

  end(call: number, status: number, hash = 0): this {
    return this.write(Kind.callEnd, call, -1, -1, status, hash);
  }
}
