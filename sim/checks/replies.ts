/** check.replies: every OK reply through the mesh is `MyResponse{message}` with exactly this message, by FNV-1a of its octets. */
import { fnv1a32 } from '../base/fnv.ts';
import { type EventView, Kind } from '../journal/events.ts';
import type { CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';

export function replies(params: { message: string }): CheckSpec {
  const expected = fnv1a32(myResponse(String(params.message))) | 0;
  const spec: CheckSpec = {
    name: 'replies',
    params,
    start: () => new Replies(spec, expected, params.message),
  };
  return spec;
}

/** MyResponse{message} in protobuf: field 1, length-delimited; an empty string is left out (proto3). */
function myResponse(message: string): Uint8Array {
  const text = new TextEncoder().encode(message);
  if (text.length === 0) return text;
  const head = [0x0a];
  let left = text.length;
  for (; left > 0x7f; left = Math.floor(left / 128)) head.push((left & 0x7f) | 0x80);
  head.push(left);
  return Uint8Array.from([...head, ...text]);
}

class Replies implements CheckRun {
  readonly kinds = [Kind.callEnd];
  readonly #spec: CheckSpec;
  readonly #expected: number;
  readonly #message: string;
  readonly #wrong = new Evidence();
  #replies = 0;

  constructor(spec: CheckSpec, expected: number, message: string) {
    this.#spec = spec;
    this.#expected = expected;
    this.#message = message;
  }

  onEvent(event: EventView): void {
    if (event.code !== 0) return;
    this.#replies += 1;
    if (event.detail === this.#expected) return;
    if (this.#wrong.add(event.tNs, event.seq)) {
      this.#wrong.first = `the first was call ${event.call} at ${atTime(event.tNs)}`;
    }
  }

  finish(): Verdict {
    const wrong = this.#wrong;
    const said = JSON.stringify(this.#message);
    if (this.#replies === 0) return verdictOf(this.#spec, 'not exercised', 0, 'No call was answered OK.');
    if (wrong.count === 0) {
      return verdictOf(
        this.#spec,
        'holds',
        this.#replies,
        `All ${counted(this.#replies, 'reply').replace('replys', 'replies')} said ${said}.`,
      );
    }
    const words = `${wrong.count} of ${this.#replies} replies did not say ${said}; ${wrong.first}.`;
    return verdictOf(this.#spec, 'violated', this.#replies, words, wrong);
  }
}
