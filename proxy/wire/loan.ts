/**
 * A DATA payload on its way through the machine, without a copy: the connection that read it offers the view, the one that
 * sends it knows it again by identity, writes its own frame header over the one that was read, and keeps only a range.
 */

/** Below this a copy is cheaper than another chunk for the system, and would keep a whole read buffer alive for little. */
export const LOAN_BYTES_MIN = 4_096;

/** What is being handed over at this moment; `bytes` null: nothing. One at a time, since events are calls. */
export const offer: { bytes: Uint8Array | null; source: Uint8Array; start: number } = {
  bytes: null,
  source: new Uint8Array(0),
  start: 0,
};

/** Octets of a read buffer among those to be written; `at`: how many octets of the connection's own come before. */
export interface Loan {
  readonly source: Uint8Array;
  readonly from: number;
  to: number;
  readonly at: number;
}
