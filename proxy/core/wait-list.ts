/** Calls that wait, first come first served: a doubly linked list through the calls themselves. */
import type { Call } from './call.ts';
import type { Counters } from './counters.ts';

export class WaitList {
  head: Call | null = null;
  readonly #counters: Counters;
  #tail: Call | null = null;

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  push(call: Call): void {
    this.#counters.callsWaiting++;
    call.waitList = this;
    call.waitPrevious = this.#tail;
    if (this.#tail === null) this.head = call;
    else this.#tail.waitNext = call;
    this.#tail = call;
  }

  /** Takes a call out, wherever it stands. */
  remove(call: Call): void {
    this.#counters.callsWaiting--;
    if (call.waitPrevious === null) this.head = call.waitNext;
    else call.waitPrevious.waitNext = call.waitNext;
    if (call.waitNext === null) this.#tail = call.waitPrevious;
    else call.waitNext.waitPrevious = call.waitPrevious;
    call.waitList = null;
    call.waitPrevious = null;
    call.waitNext = null;
  }

  /** Takes all calls out, in order. */
  takeAll(): Call[] {
    const calls: Call[] = [];
    while (this.head !== null) {
      calls.push(this.head);
      this.remove(this.head);
    }
    return calls;
  }
}
