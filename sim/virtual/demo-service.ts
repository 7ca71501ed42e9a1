/** The demo service that all instances run: its answer to the load's request is made once. */
import { helloTo, StatusBlocks } from './messages.ts';

const REMEMBERED_MAX = 64;

export class DemoService {
  readonly statuses = new StatusBlocks();
  /** Requests that clients send, and what they are answered. */
  readonly #known: { request: Uint8Array; reply: Uint8Array | null }[] = [];
  #recent: { request: Uint8Array; reply: Uint8Array | null } | null = null;

  /** Registers a request that is sent often; it must never change. */
  learn(request: Uint8Array): void {
    if (this.#known.some((one) => sameOctets(one.request, request))) return;
    if (this.#known.length >= REMEMBERED_MAX) this.#known.shift();
    this.#known.push({ request, reply: helloTo(request) });
  }

  /** The known request with the same octets, or a copy. */
  keep(bytes: Uint8Array): Uint8Array {
    if (this.#recent?.request === bytes) return bytes;
    for (const one of this.#known) {
      if (one.request === bytes || sameOctets(one.request, bytes)) {
        this.#recent = one;
        return one.request;
      }
    }
    return bytes.slice();
  }

  /** The framed reply, or null for what is no MyRequest. */
  answer(request: Uint8Array): Uint8Array | null {
    if (this.#recent?.request === request) return this.#recent.reply;
    for (const one of this.#known) if (one.request === request) return one.reply;
    return helloTo(request);
  }

  /** Whether a reply is one of the shared ones, which never change. */
  isShared(reply: Uint8Array): boolean {
    return this.#known.some((one) => one.reply === reply);
  }
}

function sameOctets(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}
