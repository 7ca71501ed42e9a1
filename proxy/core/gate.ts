/**
 * What a call has to pass before anything is done for it. Who is refused has an answer at once, before the body is read
 * (OV-06), is not retried, and no endpoint is blamed for it (OV-04).
 */
import type { Call } from './call.ts';
import type { Context } from './context.ts';
import { GRPC } from './statuses.ts';

export class Gate {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** False: the call has been answered. */
  admits(call: Call): boolean {
    const { breaker } = this.#context;
    if (breaker !== null && !breaker.mayBegin()) {
      call.answer(GRPC.unavailable, breaker.reason);
      return false;
    }
    return true;
  }
}
