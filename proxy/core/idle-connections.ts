/** A pool of connections to one endpoint shrinks when the rush is over: calls take the first one with room, so that those behind fall idle. */
import type { UpstreamSession } from './upstream-session.ts';

/** How often is looked for connections that nobody needs; one that was idle all the time between two looks is closed. */
export const POOL_LOOK_NS = 30e9;

/** Takes them out of the pool. The first stays. */
export function closeIdle(sessions: UpstreamSession[]): void {
  for (let index = sessions.length - 1; index > 0; index--) {
    const session = sessions[index] as UpstreamSession;
    if (session.attempts > 0 || ++session.idleLooks < 2) continue;
    sessions.splice(index, 1);
    session.retire();
  }
}
