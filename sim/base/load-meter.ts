/**
 * What an instance says of its load: by what it can bear and how much it answers, or always the same. As octets it is an OrcaLoadReport
 * (gRFC A51).
 */

export const LOAD_REPORT_TRAILER = 'endpoint-load-metrics-bin';

/** Of one instance: calls a second that it bears, or what it says whatever it does. */
export type LoadFacts = { capacity: number } | LoadReport;

/** `utilization` in parts of what it can bear; may pass 1. */
export interface LoadReport {
  utilization: number;
  callsPerSecond: number;
  errorsPerSecond: number;
}

const BUCKETS = 10;
const BUCKET_NS = 100e6;
/** Field numbers of application_utilization, rps_fractional and eps, each a double. */
const FIELDS = [
  ['utilization', 9],
  ['callsPerSecond', 6],
  ['errorsPerSecond', 7],
] as const;

export class LoadMeter {
  readonly #facts: LoadFacts;
  /** Answers and errors of the last second, by tenths. */
  readonly #calls = new Int32Array(BUCKETS);
  readonly #errors = new Int32Array(BUCKETS);
  /** The tenth that is on, counted from 0. */
  #tenth = 0;

  constructor(facts: LoadFacts) {
    this.#facts = facts;
  }

  /** An answer goes out, and says this. */
  answered(nowNs: number, isError: boolean): LoadReport {
    const facts = this.#facts;
    if (!('capacity' in facts)) return facts;
    this.#turn(Math.floor(nowNs / BUCKET_NS));
    const at = this.#tenth % BUCKETS;
    this.#calls[at] = (this.#calls[at] as number) + 1;
    if (isError) this.#errors[at] = (this.#errors[at] as number) + 1;
    const callsPerSecond = this.#calls.reduce((sum, count) => sum + count, 0);
    const errorsPerSecond = this.#errors.reduce((sum, count) => sum + count, 0);
    return { utilization: toGrid(callsPerSecond / facts.capacity), callsPerSecond, errorsPerSecond };
  }

  #turn(tenth: number): void {
    for (let next = Math.max(this.#tenth + 1, tenth - BUCKETS + 1); next <= tenth; next++) {
      this.#calls[next % BUCKETS] = 0;
      this.#errors[next % BUCKETS] = 0;
    }
    this.#tenth = Math.max(this.#tenth, tenth);
  }
}

/** A journal keeps figures of load in so many parts of one. */
export const LOAD_PARTS = 10_000;

function toGrid(value: number): number {
  return Math.round(value * LOAD_PARTS) / LOAD_PARTS;
}

export function loadReportOctets(report: LoadReport): Uint8Array {
  const octets = new Uint8Array(FIELDS.length * 9);
  const view = new DataView(octets.buffer);
  FIELDS.forEach(([name, field], index) => {
    // Wire type 1: eight octets.
    octets[index * 9] = (field << 3) | 1;
    view.setFloat64(index * 9 + 1, report[name], true);
  });
  return octets;
}
