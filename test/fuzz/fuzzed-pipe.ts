/** One way from an engine to another: what has left waits in it, and arrives in pieces. */
import type { Connection } from '../../proxy/wire/connection.ts';
import type { Random } from './random.ts';

export class Pipe {
  readonly from: Connection;
  readonly to: Connection;
  /** Nothing leaves. */
  stopped = false;
  isDead = false;
  readonly #random: Random;
  #waiting: Buffer = Buffer.alloc(0);

  constructor(random: Random, from: Connection, to: Connection) {
    this.#random = random;
    this.from = from;
    this.to = to;
  }

  /** Takes what the engine wants to send. */
  readonly takes = (): void => {
    if (!this.from.borrows) {
      this.#waiting = Buffer.concat([this.#waiting, this.from.takeOutput()]);
      return;
    }
    const chunks: Uint8Array[] = [];
    const output = this.from.takeChunks(chunks);
    this.#waiting = Buffer.concat([this.#waiting, ...chunks]);
    this.from.recycle(output);
  };

  /** One step: takes, and delivers a piece. `settle` takes all that is lent before the piece is gone. False: nothing moved. */
  move(settle: () => void): boolean {
    if (this.isDead) return false;
    const leaves = !this.stopped && this.from.hasOutput;
    if (leaves) this.takes();
    if (this.#waiting.length === 0) return leaves;
    const whole = this.#waiting.length;
    const length = this.#random.chance(50) ? whole : 1 + this.#random.below(whole);
    const piece = Buffer.from(this.#waiting.subarray(0, length));
    this.#waiting = this.#waiting.subarray(length);
    if (this.to.borrows && this.#random.chance(70)) {
      this.to.handleLentBytes(piece);
      settle();
    } else this.to.handleBytes(piece);
    // Whoever looks at it later must see that it is gone.
    piece.fill(0xee);
    return true;
  }
}
