/** One connection from a caller: the carrier's events for its calls come in here. */
import type { HeaderBlock } from '../wire/headers.ts';
import type { Link, LinkStream } from '../wire/link.ts';
import type { Call } from './call.ts';
import type { Context } from './context.ts';
import { LINGERING } from './lingering.ts';
import type { DownstreamPort } from './machine.ts';
import { H2 } from './statuses.ts';

export class DownstreamSession implements DownstreamPort {
  link: Link | null = null;
  wideCalls = 0;
  readonly #context: Context;
  readonly #sessions: Set<DownstreamSession>;

  constructor(context: Context, sessions: Set<DownstreamSession>) {
    this.#context = context;
    this.#sessions = sessions;
  }

  attach(link: Link): void {
    this.link = link;
    this.#sessions.add(this);
    this.#context.counters.connectionsDownstream++;
    if (this.#context.draining) link.goAway(H2.noError, true);
  }

  onHeaders(stream: LinkStream, block: HeaderBlock, endStream: boolean): void {
    const { router } = this.#context;
    if (router === null) this.#context.takeCall().start(this, stream, block, endStream);
    else router.start(this, stream, block, endStream);
  }

  onData(stream: LinkStream, bytes: Uint8Array, endStream: boolean): void {
    const { user } = stream;
    if (user === null || user === undefined || user === LINGERING) this.link?.consume(stream, bytes.length);
    else {
      const call = user as Call;
      const { mirror } = call;
      call.takeRequestData(bytes, endStream);
      // A message that was refused ended the call, and its copy with it.
      if (mirror !== null) mirror.handleData(bytes, endStream);
    }
  }

  onTrailers(stream: LinkStream, block: HeaderBlock): void {
    const { user } = stream;
    if (user === null || user === undefined || user === LINGERING) return;
    const call = user as Call;
    if (call.mirror !== null) call.mirror.handleTrailers(block);
    call.handleRequestTrailers(block);
  }

  onReset(stream: LinkStream): void {
    const { user } = stream;
    if (user === null || user === undefined || user === LINGERING) return;
    (user as Call).handleCancelled();
  }

  onDrained(stream: LinkStream): void {
    const { user } = stream;
    if (user === null || user === undefined) return;
    if (user !== LINGERING) return (user as Call).handleResponseDrained();
    stream.user = null;
    this.link?.resetStream(stream, H2.noError);
  }

  onCapacity(): void {}

  onClose(): void {
    if (this.#sessions.delete(this)) this.#context.counters.connectionsDownstream--;
  }
}
