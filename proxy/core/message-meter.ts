/**
 * The lengths of the gRPC messages in one direction of a call (PROTOCOL-HTTP2: a flag, four octets of length, that many octets), as they pass in
 * pieces. It looks at the lengths only: what is compressed counts as it is.
 */

const PREFIX_BYTES = 5;

/** Both directions of a call. */
export interface MessageMeters {
  readonly request: MessageMeter;
  readonly response: MessageMeter;
}

export class MessageMeter {
  /** Infinity: there is no bound. */
  readonly bytesMax: number;
  /** Of the prefix in hand. */
  #prefixBytes = 0;
  #length = 0;
  /** Of the message in hand, still to come. */
  #left = 0;

  /** `bytesMax`: of a message without its prefix; 0: no bound. */
  constructor(bytesMax: number) {
    this.bytesMax = bytesMax === 0 ? Infinity : bytesMax;
  }

  /** The length of the first message in these octets that is too long, known once its prefix is whole; -1: none is. */
  pass(bytes: Uint8Array): number {
    for (let at = 0; at < bytes.length; ) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, bytes.length - at);
        this.#left -= taken;
        at += taken;
        continue;
      }
      if (this.#prefixBytes > 0) this.#length = this.#length * 256 + (bytes[at] as number);
      at += 1;
      this.#prefixBytes += 1;
      if (this.#prefixBytes < PREFIX_BYTES) continue;
      if (this.#length > this.bytesMax) return this.#length;
      this.#left = this.#length;
      this.#prefixBytes = 0;
      this.#length = 0;
    }
    return -1;
  }
}
