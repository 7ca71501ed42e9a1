/** All events of a run, from all processes, until they are merged by time into the journal. */
import { MeshwrightError } from '../base/errors.ts';
import { Kind } from '../journal/events.ts';
import type { Journal } from '../journal/journal.ts';
import { EVENT_FIELDS, EventBuffer } from './process/event-buffer.ts';

/** 64 octets each: 320 MB at most. */
const EVENTS_MAX = 5_000_000;

export class Recorder {
  readonly #batches: Float64Array[] = [];
  readonly #own: EventBuffer;
  readonly #eventsMax: number;
  #events = 0;
  #overflow = false;
  /** Calls begun, and calls that ended with a failure, as far as workers have told. */
  readonly live = { calls: 0, failed: 0 };

  constructor(eventsMax = EVENTS_MAX) {
    this.#eventsMax = eventsMax;
    this.#own = new EventBuffer((fields) => this.#keep(fields));
  }

  /** Set once events had to be dropped: the run cannot be judged. */
  get overflow(): MeshwrightError | null {
    if (!this.#overflow) return null;
    return new MeshwrightError('MW_JOURNAL', `the run has more than ${this.#eventsMax} events`, {
      remedy: 'lower the rate or the duration of the load; the virtual world takes larger runs',
    });
  }

  /** An event of this process. */
  write(
    kind: Kind,
    tNs: number,
    call: number,
    attempt: number,
    instance: number,
    code: number,
    detail: number,
    sidecar: number,
  ): void {
    this.#own.add(kind, tNs, call, attempt, instance, code, detail, sidecar);
  }

  /** Events of a worker. */
  batch(fields: Float64Array): void {
    this.#own.flush();
    this.#keep(fields);
    for (let at = 0; at < fields.length; at += EVENT_FIELDS) {
      if (fields[at] === Kind.callStart) this.live.calls += 1;
      else if (fields[at] === Kind.callEnd && fields[at + 5] !== 0) this.live.failed += 1;
    }
  }

  /** Writes everything in order of time; what has the same time keeps the order of arrival. */
  mergeInto(journal: Journal): void {
    this.#own.flush();
    const order = this.#order();
    for (const position of order) {
      const fields = this.#batches[Math.floor(position / BATCH_SPAN)] as Float64Array;
      const at = (position % BATCH_SPAN) * EVENT_FIELDS;
      const field = (offset: number): number => fields[at + offset] as number;
      journal.write(field(0) as Kind, field(1), field(2), field(3), field(4), field(5), field(6), field(7));
    }
    this.#batches.length = 0;
    this.#events = 0;
  }

  #keep(fields: Float64Array): void {
    const count = fields.length / EVENT_FIELDS;
    if (this.#events + count > this.#eventsMax) {
      this.#overflow = true;
      return;
    }
    this.#events += count;
    this.#batches.push(fields);
  }

  /** Positions (batch × BATCH_SPAN + index) sorted by time. */
  #order(): number[] {
    const positions: number[] = [];
    for (const [batch, fields] of this.#batches.entries()) {
      for (let index = 0; index < fields.length / EVENT_FIELDS; index++)
        positions.push(batch * BATCH_SPAN + index);
    }
    const timeOf = (position: number): number =>
      this.#batches[Math.floor(position / BATCH_SPAN)]?.[
        (position % BATCH_SPAN) * EVENT_FIELDS + 1
      ] as number;
    return positions.sort((a, b) => timeOf(a) - timeOf(b) || a - b);
  }
}

/** More than any batch has. */
const BATCH_SPAN = 4_096;
