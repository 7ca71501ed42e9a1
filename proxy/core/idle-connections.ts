/** A pool of connections to one endpoint shrinks when the rush is over: calls take the first one with room, so that those behind fall idle. */
import type { Context } from './context.ts';
import type { Timer, TimerOwner } from './timers.ts';
import { OwnedTimer } from './timers.ts';
import type { UpstreamSession } from './upstream-session.ts';

/** How often is looked for connections that nobody needs; one that was idle all the time between two looks is closed. */
export const POOL_LOOK_NS = 30e9;

export class IdleConnections implements TimerOwner {
  readonly #context: Context;
  readonly #sessions: UpstreamSession[];
  /** Made when there is a second connection. */
  #timer: Timer | null = null;

  /** `sessions`: the pool; what is closed is taken out of it. */
  constructor(context: Context, sessions: UpstreamSession[]) {
    this.#context = context;
    this.#sessions = sessions;
  }

  /** There may be one more. */
  watch(): void {
    if (this.#sessions.length < 2) return;
    const { timers, nowNs } = this.#context;
    this.#timer ??= new OwnedTimer(this);
    if (!this.#timer.armed) timers.arm(this.#timer, nowNs, POOL_LOOK_NS);
  }

  stop(): void {
    if (this.#timer !== null) this.#context.timers.cancel(this.#timer);
  }

  /** The first stays. */
  handleTimer(): void {
    const sessions = this.#sessions;
    for (let index = sessions.length - 1; index > 0; index--) {
      const session = sessions[index] as UpstreamSession;
      if (session.attempts > 0 || ++session.idleLooks < 2) continue;
      sessions.splice(index, 1);
      session.retire();
    }
    this.watch();
  }
}
