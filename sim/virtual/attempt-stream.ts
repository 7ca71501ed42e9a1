/** One stream between a sidecar and an instance: an attempt or a health check. Pooled; addressed by its index in events. */
import type { HeaderBlock } from '../../proxy/wire/headers.ts';
import type { LinkStream } from '../../proxy/wire/link.ts';
import type { StreamLink } from './stream-link.ts';

/** Where a stream is on its way. */
export const Phase = {
  free: 0,
  /** Headers sent, the body is not complete. */
  uploading: 1,
  /** The whole request travels to the instance. */
  toInstance: 2,
  serving: 3,
  /** The answer travels to the sidecar. */
  toSidecar: 4,
  /** Swallowed by the network, or its instance is gone: nothing will come of it. */
  lost: 5,
} as const;
export type Phase = (typeof Phase)[keyof typeof Phase];

export class AttemptStream implements LinkStream {
  readonly index: number;
  id = 0;
  user: unknown = null;
  readonly queuedBytes = 0;
  readonly narrow = false;
  link: StreamLink | null = null;
  /** The journal's number of the call; -1 for a health check. */
  call = -1;
  attempt = -1;
  request: HeaderBlock | null = null;
  body: Uint8Array | null = null;
  requestBytes = 0;
  phase: Phase = Phase.free;
  /** The sidecar wants nothing more of it. */
  closed = false;
  /** When the sidecar's reset reaches the instance. */
  cancelledNs = Infinity;
  /** When the event that moves it on is due; an event at another time is out of date. */
  dueNs = Infinity;
  /** Events in the queue that name it, and places in lists of a paused instance: it is not reused before they are gone. */
  holds = 0;
  status = 0;
  reply: Uint8Array | null = null;
  afterHeaders = false;
  /** What the answer says of the instance's load: a trailer's text. */
  report: string | null = null;
  /** Its answer is a message without an end: the stream stays open. */
  stays = false;
  /** Neighbours among the link's open streams. */
  previous: AttemptStream | null = null;
  next: AttemptStream | null = null;

  constructor(index: number) {
    this.index = index;
  }
}

export class StreamPool {
  readonly all: AttemptStream[] = [];
  readonly #free: AttemptStream[] = [];

  take(): AttemptStream {
    const stream = this.#free.pop();
    if (stream !== undefined) return stream;
    const added = new AttemptStream(this.all.length);
    this.all.push(added);
    return added;
  }

  at(index: number): AttemptStream {
    return this.all[index] as AttemptStream;
  }

  /** Puts it back when the sidecar is done with it and nothing names it any more. */
  giveIfDone(stream: AttemptStream): void {
    if (!stream.closed || stream.holds > 0 || stream.phase === Phase.free) return;
    stream.phase = Phase.free;
    stream.link = null;
    stream.request = null;
    stream.body = null;
    stream.reply = null;
    stream.user = null;
    this.#free.push(stream);
  }
}
