/**
 * One timer table for the whole machine: a first-in first-out list per distinct duration (arming and cancelling are O(1)
 * there, since time never goes back), and a binary heap for the durations beyond a bounded number of lists.
 */

/** Whoever owns a timer hears of its end here. */
export interface TimerOwner {
  handleTimer(timer: Timer): void;
}

/** A timer belongs to its owner for life and is armed again and again. */
export class Timer {
  readonly owner: TimerOwner;
  deadlineNs = 0;
  /** The list it waits in; null when idle or in the heap. */
  lane: Lane | null = null;
  previous: Timer | null = null;
  next: Timer | null = null;
  /** Place in the heap; -1 when not there. */
  heapIndex = -1;

  constructor(owner: TimerOwner) {
    this.owner = owner;
  }

  get armed(): boolean {
    return this.lane !== null || this.heapIndex >= 0;
  }
}

/** Timers of one duration, the earliest first. */
class Lane {
  durationNs: number;
  head: Timer | null = null;
  tail: Timer | null = null;

  constructor(durationNs: number) {
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

  constructor(lanesMax = 64) {
    this.#lanesMax = lanesMax;
  }

  /** Arms an idle timer to end `durationNs` after `nowNs`. */
  arm(timer: Timer, nowNs: number, durationNs: number): void {
    const deadlineNs = nowNs + (durationNs < 1 ? 1 : durationNs);
    timer.deadlineNs = deadlineNs;
    if (deadlineNs < this.nextNs) this.nextNs = deadlineNs;
    const recent = this.#recent;
    const lane = recent !== null && recent.durationNs === durationNs ? recent : this.#findLane(durationNs);
    if (lane === null) {
      timer.heapIndex = this.#heap.length;
      this.#heap.push(timer);
      this.#siftUp(timer.heapIndex);
      return;
    }
    this.#recent = lane;
    timer.lane = lane;
    timer.previous = lane.tail;
    if (lane.tail === null) lane.head = timer;
    else lane.tail.next = timer;
    lane.tail = timer;
  }

  /** Puts a timer to rest; an idle one stays so. */
  cancel(timer: Timer): void {
    const lane = timer.lane;
    if (lane === null) {
      if (timer.heapIndex >= 0) this.#removeFromHeap(timer.heapIndex);
      return;
    }
    if (timer.previous === null) lane.head = timer.next;
    else timer.previous.next = timer.next;
    if (timer.next === null) lane.tail = timer.previous;
    else timer.next.previous = timer.previous;
    timer.lane = null;
    timer.previous = null;
    timer.next = null;
  }

  /** Ends every timer that is due at `nowNs`, each once; those armed meanwhile with no time to go wait for the next call. */
  fire(nowNs: number): void {
    for (const lane of this.#lanes) {
      const last = lane.tail;
      while (lane.head !== null && lane.head.deadlineNs <= nowNs) {
        const timer = lane.head;
        this.cancel(timer);
        timer.owner.handleTimer(timer);
        if (timer === last) break;
      }
    }
    for (let count = this.#heap.length; count > 0; count--) {
      const timer = this.#heap[0];
      if (timer === undefined || timer.deadlineNs > nowNs) break;
      this.#removeFromHeap(0);
      timer.owner.handleTimer(timer);
    }
    let nextNs = this.#heap[0]?.deadlineNs ?? Infinity;
    for (const lane of this.#lanes) {
      if (lane.head !== null && lane.head.deadlineNs < nextNs) nextNs = lane.head.deadlineNs;
    }
    this.nextNs = nextNs;
  }

  /** The list for a duration: its own, a new one, or an empty one that changes its duration; null when all are taken. */
  #findLane(durationNs: number): Lane | null {
    const known = this.#laneOf.get(durationNs);
    if (known !== undefined) return known;
    if (this.#lanes.length < this.#lanesMax) {
      const lane = new Lane(durationNs);
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
    (heap[index] as Timer).heapIndex = -1;
    const last = heap.pop() as Timer;
    if (index === heap.length) return;
    heap[index] = last;
    last.heapIndex = index;
    this.#siftUp(index);
    this.#siftDown(last.heapIndex);
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
      parent.heapIndex = index;
      index = above;
    }
    heap[index] = timer;
    timer.heapIndex = index;
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
      child.heapIndex = index;
      index = below;
    }
    heap[index] = timer;
    timer.heapIndex = index;
  }
}
