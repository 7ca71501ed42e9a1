/**
 * Part of noThunderingHerd: when clients of a registry, or of a control plane, ask it again after it was away. Of those that come back after one
 * outage at most a share, though always one, asks for the first time since then in any window.
 */
import { CONFIG_EVENTS, type EventView, Kind, REGISTRY_EVENTS } from '../journal/events.ts';
import type { CheckContext } from '../spec/check.ts';
import { atTime } from './evidence.ts';
import type { Found } from './rush.ts';

interface Moment {
  tNs: number;
  seq: number;
}

/** Who has lost something, and when each asked it again. */
class Outage {
  /** What it is that they lost, for people. */
  readonly of: string;
  readonly #away = new Set<number>();
  #back: Moment[] = [];

  constructor(of: string) {
    this.of = of;
  }

  left(client: number): void {
    this.#away.add(client);
  }

  /** It asks, and is heard. True: all are back. */
  returned(client: number, { tNs, seq }: Moment): boolean {
    if (!this.#away.delete(client)) return false;
    this.#back.push({ tNs, seq });
    return this.#away.size === 0;
  }

  /** The outage is over, whoever is back. */
  end(): Moment[] {
    const back = this.#back;
    this.#away.clear();
    this.#back = [];
    return back;
  }
}

export class Comebacks {
  judged = 0;
  readonly found: Found[] = [];
  readonly #shareMax: number;
  readonly #windowNs: number;
  readonly #sidecars: number;
  readonly #ofRegistry = new Outage('the registry');
  readonly #ofPlane = new Outage('the control plane');
  /** Who asked the registry before: sidecars, then instances. */
  readonly #clients = new Set<number>();
  #isRegistryThere = true;

  constructor(shareMax: number, windowMs: number, { sidecars }: CheckContext) {
    this.#shareMax = shareMax;
    this.#windowNs = windowMs * 1e6;
    this.#sidecars = sidecars;
  }

  onEvent(event: EventView): void {
    if (event.kind === Kind.registry) this.#registry(event);
    else this.#controlPlane(event);
  }

  /** What is still open is judged. */
  finish(): void {
    for (const outage of [this.#ofRegistry, this.#ofPlane]) this.#judge(outage);
  }

  #registry(event: EventView): void {
    const outage = this.#ofRegistry;
    switch (REGISTRY_EVENTS[event.code]) {
      case 'gone':
        this.#judge(outage);
        this.#isRegistryThere = false;
        for (const client of this.#clients) outage.left(client);
        return;
      case 'serving':
        this.#isRegistryThere = true;
        return;
      case 'watching':
      case 'registering':
      case 'renewing': {
        const client = event.instance < 0 ? event.sidecar : this.#sidecars + event.instance;
        this.#clients.add(client);
        if (this.#isRegistryThere && outage.returned(client, event)) this.#judge(outage);
      }
    }
  }

  #controlPlane(event: EventView): void {
    const outage = this.#ofPlane;
    const word = CONFIG_EVENTS[event.code];
    if (word === 'cut') outage.left(event.sidecar);
    else if (word === 'opened' && outage.returned(event.sidecar, event)) this.#judge(outage);
  }

  #judge(outage: Outage): void {
    const back = outage.end();
    if (back.length < 2) return;
    this.judged += back.length;
    const worst = closest(back, this.#windowNs);
    const most = Math.max(1, Math.floor(this.#shareMax * back.length));
    if (worst.length <= most) return;
    const [fromNs, toNs] = [timeAt(worst, 0), timeAt(worst, worst.length - 1)];
    const said =
      `Of ${back.length} clients that came back to ${outage.of}, ${worst.length} asked it within ${atTime(toNs - fromNs)} up to ${atTime(toNs)}; ` +
      `${most} may in ${this.#windowNs / 1e6} ms.`;
    this.found.push({ fromNs, toNs, said, seqs: worst.map(({ seq }) => seq) });
  }
}

/** The most moments that lie in less than so long a time. */
function closest(moments: readonly Moment[], windowNs: number): readonly Moment[] {
  let [best, bestFrom] = [0, 0];
  for (let from = 0, to = 0; to < moments.length; to++) {
    while (timeAt(moments, to) - timeAt(moments, from) >= windowNs) from++;
    if (to - from + 1 > best) [best, bestFrom] = [to - from + 1, from];
  }
  return moments.slice(bestFrom, bestFrom + best);
}

function timeAt(moments: readonly Moment[], at: number): number {
  return (moments[at] as Moment).tNs;
}
