/**
 * One timer table for the whole machine: a first-in first-out list per distinct duration (arming and cancelling are O(1)
 * there, since time never goes back), and a binary heap for durations that come but once, or beyond a bounded number of lists.
 */

const IDLE = -1;
const HEAP_FIRST = -2;

/** Whoever owns a timer hears of its end here. */
export interface TimerOwner {
  handleTimer(timer: Timer): void;
}

/** What can be armed, again and again. Records of which there is one for each call are timers themselves: an object less. */
export abstract class Timer {
  deadlineNs = Infinity;
  /** At least 0: the number of the list it waits in; -1: idle; below: -2 less its place in the heap. */
  place = IDLE;
  /** Neighbours in its list. */
  earlier: Timer | null = null;
  later: Timer | null = null;

  get armed(): boolean {
    return this.place !== IDLE;
  }

  abstract handleTimer(timer: Timer): void;
}

/** A timer of somebody who has several, or is no timer. */
export class OwnedTimer extends Timer {
  readonly owner: TimerOwner;

  constructor(owner: TimerOwner) {
    super();
    this.owner = owner;
  }

  handleTimer(): void {
    this.owner.handleTimer(this);
  }
}

/** Timers of one duration, the earliest first. */
class Lane {
  readonly index: number;
  durationNs: number;
  head: Timer | null = null;
  tail: Timer | null = null;

  constructor(index: number, durationNs: number) {
    this.index = index;
    this.durationNs = durationNs;
  }
}

export class TimerTable {
  /** When `fire` wants to be called: never late, early after a cancel. Infinity when nothing is armed. */
  nextNs = Infinity;
  readonly #lanes: Lane[] = [];
  readonly #laneOf = new Map<number, Lane>();
  readonly #lanesMax: number;
  readonly #heap: Timer[] = [];
  #recent: Lane | null = null;
  #hand = 0;
  /** Durations that came once, the last few: deadlines of callers that count nanoseconds differ from call to call. */
  readonly #strangers = new Float64Array(8);
  #stranger = 0;

  constructor(lanesMax = 64) {
    this.#lanesMax = lanesMax;
  }

  /** Timers that run; counted one by one, for statistics. */
  get armedCount(): number {
    let count = this.#heap.length;
    for (const { head } of this.#lanes) {
      for (let timer = head; timer !== null; timer = timer.later) count++;
    }
    return count;
  }

  /** Arms an idle timer to end `durationNs` after `nowNs`. */
  arm(timer: Timer, nowNs: number, durationNs: number): void {
    const deadlineNs = nowNs + (durationNs < 1 ? 1 : durationNs);
    timer.deadlineNs = deadlineNs;
    if (deadlineNs < this.nextNs) this.nextNs = deadlineNs;
    const recent = this.#recent;
    const lane = recent !== null && recent.durationNs === durationNs ? recent : this.#findLane(durationNs);
    if (lane === null) {
      this.#heap.push(timer);
      this.#siftUp(this.#heap.length - 1);
      return;
    }
    this.#recent = lane;
    timer.place = lane.index;
    timer.earlier = lane.tail;
    if (lane.tail === null) lane.head = timer;
    else lane.tail.later = timer;
    lane.tail = timer;
  }

  /** Puts a timer to rest; an idle one stays so. */
  cancel(timer: Timer): void {
    const { place } = timer;
    if (place < 0) {
      if (place !== IDLE) this.#removeFromHeap(HEAP_FIRST - place);
      return;
    }
    const lane = this.#lanes[place] as Lane;
    const { earlier, later } = timer;
    if (earlier === null) lane.head = later;
    else earlier.later = later;
    if (later === null) lane.tail = earlier;
    else later.earlier = earlier;
    timer.place = IDLE;
    timer.earlier = null;
    timer.later = null;
  }

  /** Ends every timer that is due at `nowNs`, each once; those armed meanwhile with no time to go wait for the next call. */
  fire(nowNs: number): void {
    for (const lane of this.#lanes) {
      const last = lane.tail;
      while (lane.head !== null && lane.head.deadlineNs <= nowNs) {
        const timer = lane.head;
        this.cancel(timer);
        timer.handleTimer(timer);
        if (timer === last) break;
      }
    }
    for (let count = this.#heap.length; count > 0; count--) {
      const timer = this.#heap[0];
      if (timer === undefined || timer.deadlineNs > nowNs) break;
      this.#removeFromHeap(0);
      timer.handleTimer(timer);
    }
    let nextNs = this.#heap[0]?.deadlineNs ?? Infinity;
    for (const lane of this.#lanes) {
      if (lane.head !== null && lane.head.deadlineNs < nextNs) nextNs = lane.head.deadlineNs;
    }
    this.nextNs = nextNs;
  }

  /** The list for a duration: its own, a new one, or an empty one that changes its duration; null: the heap will do. */
  #findLane(durationNs: number): Lane | null {
    const known = this.#laneOf.get(durationNs);
    if (known !== undefined) return known;
    if (!this.#strangers.includes(durationNs)) {
      this.#strangers[this.#stranger] = durationNs;
      this.#stranger = (this.#stranger + 1) & 7;
      return null;
    }
    if (this.#lanes.length < this.#lanesMax) {
      const lane = new Lane(this.#lanes.length, durationNs);
      this.#lanes.push(lane);
      this.#laneOf.set(durationNs, lane);
      return lane;
    }
    this.#hand = this.#hand + 1 === this.#lanes.length ? 0 : this.#hand + 1;
    const lane = this.#lanes[this.#hand] as Lane;
    if (lane.head !== null) return null;
    this.#laneOf.delete(lane.durationNs);
    lane.durationNs = durationNs;
    this.#laneOf.set(durationNs, lane);
    return lane;
  }

  #removeFromHeap(index: number): void {
    const heap = this.#heap;
    (heap[index] as Timer).place = IDLE;
    const last = heap.pop() as Timer;
    if (index === heap.length) return;
    heap[index] = last;
    this.#siftUp(index);
    this.#siftDown(HEAP_FIRST - last.place);
  }

  #siftUp(start: number): void {
    const heap = this.#heap;
    const timer = heap[start] as Timer;
    let index = start;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above] as Timer;
      if (parent.deadlineNs <= timer.deadlineNs) break;
      heap[index] = parent;
      parent.place = HEAP_FIRST - index;
      index = above;
    }
    heap[index] = timer;
    timer.place = HEAP_FIRST - index;
  }

  #siftDown(start: number): void {
    const heap = this.#heap;
    const timer = heap[start] as Timer;
    let index = start;
    for (;;) {
      let below = 2 * index + 1;
      if (below >= heap.length) break;
      const right = heap[below + 1];
      if (right !== undefined && right.deadlineNs < (heap[below] as Timer).deadlineNs) below++;
      const child = heap[below] as Timer;
      if (child.deadlineNs >= timer.deadlineNs) break;
      heap[index] = child;
      child.place = HEAP_FIRST - index;
      index = below;
    }
    heap[index] = timer;
    timer.place = HEAP_FIRST - index;
  }
}
