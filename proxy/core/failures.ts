/** What a call remembers of attempts that failed: made with the first failure, for most calls have none. */
import type { HeaderBlock } from '../wire/headers.ts';
import { GRPC } from './statuses.ts';
import type { Timer, TimerOwner } from './timers.ts';
import { OwnedTimer } from './timers.ts';
import type { Upstream } from './upstream.ts';

export class Failures {
  /** What ended the last attempt, for when the sidecar has to make the answer. */
  status: number = GRPC.unavailable;
  message = '';
  /** The endpoint's own trailers-only answer, when that ended the last attempt. */
  block: HeaderBlock | null = null;
  /** Where attempts that failed went. */
  readonly tried: Upstream[] = [];
  /** Retries by policy so far, and their order in the backoff series since the last pushback. */
  retries = 0;
  backoffStep = 0;
  transparentUsed = false;
  /** Counted among the retries alive. */
  retryAlive = false;
  readonly backoffTimer: Timer;

  constructor(owner: TimerOwner) {
    this.backoffTimer = new OwnedTimer(owner);
  }
}
