/** What all parts of the virtual world share: the clock, the queue, the journal, randomness, and events as small numbers. */
import { EventQueue } from '../base/event-queue.ts';
import type { Random } from '../base/random.ts';
import type { Journal } from '../journal/journal.ts';
import type { AttemptStream } from './attempt-stream.ts';

/** What an event does; the rest of its payload says to whom. */
export const Op = {
  arrival: 0,
  request: 1,
  served: 2,
  reply: 3,
  wake: 4,
  deadline: 5,
  task: 6,
} as const;
export type Op = (typeof Op)[keyof typeof Op];

const OP_BITS = 3;
const OP_MASK = (1 << OP_BITS) - 1;

export class Kernel {
  nowNs = 0;
  readonly queue = new EventQueue();
  readonly journal: Journal;
  readonly random: Random;
  /** The stream that the machine opened last: the observer's next word is about it. */
  lastOpened: AttemptStream | null = null;
  /** Events carried out so far. */
  eventsDone = 0;
  readonly #tasks: ((() => void) | null)[] = [];
  readonly #freeTasks: number[] = [];

  constructor(journal: Journal, random: Random) {
    this.journal = journal;
    this.random = random;
  }

  schedule(tNs: number, op: Op, index: number): void {
    this.queue.push(tNs, (index << OP_BITS) | op);
  }

  /** For what is rare: runs a function at its time. */
  later(tNs: number, task: () => void): void {
    const free = this.#freeTasks.pop() ?? this.#tasks.length;
    this.#tasks[free] = task;
    this.schedule(tNs, Op.task, free);
  }

  runTask(index: number): void {
    const task = this.#tasks[index];
    this.#tasks[index] = null;
    this.#freeTasks.push(index);
    task?.();
  }

  /** Takes the next event; its operation and index are in `opOf` and `indexOf` the payload. Moves the clock. */
  next(): number {
    this.nowNs = this.queue.nextNs;
    this.eventsDone++;
    return this.queue.pop();
  }
}

export function opOf(payload: number): number {
  return payload & OP_MASK;
}

export function indexOf(payload: number): number {
  return payload >> OP_BITS;
}
