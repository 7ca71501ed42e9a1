/** Events of a worker on their way to the parent: packed numbers, sent in batches. */

/** Numbers per event: kind, tNs, call, attempt, instance, code, detail, sidecar. */
export const EVENT_FIELDS = 8;

const EVENTS_MAX = 2_048;

export class EventBuffer {
  readonly #fields = new Float64Array(EVENTS_MAX * EVENT_FIELDS);
  readonly #send: (fields: Float64Array) => void;
  #used = 0;

  constructor(send: (fields: Float64Array) => void) {
    this.#send = send;
  }

  add(
    kind: number,
    tNs: number,
    call: number,
    attempt: number,
    instance: number,
    code: number,
    detail: number,
    sidecar: number,
  ): void {
    const at = this.#used;
    const fields = this.#fields;
    fields[at] = kind;
    fields[at + 1] = tNs;
    fields[at + 2] = call;
    fields[at + 3] = attempt;
    fields[at + 4] = instance;
    fields[at + 5] = code;
    fields[at + 6] = detail;
    fields[at + 7] = sidecar;
    this.#used = at + EVENT_FIELDS;
    if (this.#used === fields.length) this.flush();
  }

  flush(): void {
    if (this.#used === 0) return;
    const batch = this.#fields.slice(0, this.#used);
    this.#used = 0;
    this.#send(batch);
  }
}
