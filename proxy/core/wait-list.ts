/** Calls that wait, first come first served: a doubly linked list, whose places are made when a call has to wait. */
import type { Call } from './call.ts';
import type { Counters } from './counters.ts';

export class WaitPlace {
  readonly list: WaitList;
  readonly call: Call;
  /** It goes on waiting while there is nothing to wait for. */
  readonly patient: boolean;
  previous: WaitPlace | null;
  next: WaitPlace | null = null;

  constructor(list: WaitList, call: Call, patient: boolean, previous: WaitPlace | null) {
    this.list = list;
    this.call = call;
    this.patient = patient;
    this.previous = previous;
  }
}

export class WaitList {
  readonly #counters: Counters;
  #first: WaitPlace | null = null;
  #last: WaitPlace | null = null;
  /** How many wait. */
  length = 0;
  /** Of them, those that wait whatever happens. */
  patient = 0;

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  /** The call whose turn it is. */
  get head(): Call | null {
    return this.#first === null ? null : this.#first.call;
  }

  push(call: Call, patient: boolean): void {
    this.#counters.callsWaiting++;
    this.length++;
    if (patient) this.patient++;
    const place = new WaitPlace(this, call, patient, this.#last);
    call.waiting = place;
    if (this.#last === null) this.#first = place;
    else this.#last.next = place;
    this.#last = place;
  }

  /** Takes a place out, wherever it stands. */
  remove(place: WaitPlace): void {
    this.#counters.callsWaiting--;
    this.length--;
    if (place.patient) this.patient--;
    const { previous, next } = place;
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    place.call.waiting = null;
  }

  /** Takes out the call whose turn it is. */
  shift(): Call | null {
    const first = this.#first;
    if (first === null) return null;
    this.remove(first);
    return first.call;
  }

  /** Takes out those that wait no longer than there is something to wait for, in order. */
  takeImpatient(): Call[] {
    const calls: Call[] = [];
    let place = this.patient === this.length ? null : this.#first;
    while (place !== null) {
      const { next } = place;
      if (!place.patient) {
        this.remove(place);
        calls.push(place.call);
      }
      place = next;
    }
    return calls;
  }

  /** Takes all calls out, in order. */
  takeAll(): Call[] {
    const calls: Call[] = [];
    for (let call = this.shift(); call !== null; call = this.shift()) calls.push(call);
    return calls;
  }
}
