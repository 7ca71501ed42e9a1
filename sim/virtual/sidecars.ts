/**
 * The sidecars of the mesh, each with the machine behind its port now and those before it that finish their calls; and the
 * clients' connection to each, which a GOAWAY or the sidecar's end makes them give up.
 */
import type { SidecarAct } from '../faults/controls.ts';
import { Kind, SIDECAR_STATES } from '../journal/events.ts';
import { usedCount } from '../spec/balancer.ts';
import { DISCOVERY_NS, type Discovery } from './discovery.ts';
import { type SidecarFactory, SidecarHost, type Surroundings } from './sidecar-host.ts';

/** From the start of a new process to its first connection out; a reload has the process already. */
const START_NS = 200e6;
const RELOAD_NS = 2e6;
/** As proxy/host: so long a new machine waits for its endpoints before it takes callers, looking this often. */
const FIRST_CONTACT_NS = 250e6;
const LOOK_NS = 2e6;
/** As there: so long it waits to be told of endpoints at all. */
const FIRST_SET_NS = 5_000e6;
/** What is kept of the time to drain for telling callers whose calls are cut off. */
const LAST_WORDS_NS = 100e6;

type State = (typeof SIDECAR_STATES)[number];

export class Sidecars implements Iterable<SidecarHost> {
  /** Every machine there ever was, by slot. */
  readonly #machines: SidecarHost[] = [];
  /** By sidecar: who takes new connections; null: nobody listens. */
  readonly #serving: (SidecarHost | null)[] = [];
  /** By sidecar: where the clients' connection leads; null: they have none. */
  readonly #connected: (SidecarHost | null)[] = [];
  /** Sidecars that new calls are spread over, as those know who spread them. */
  #inService: number[] = [];
  readonly #generations: number[] = [];
  readonly #surroundings: Surroundings;
  readonly #make: SidecarFactory;
  readonly #drainNs: number;
  readonly #drainDelayNs: number;
  discovery: Discovery | null = null;

  constructor(count: number, surroundings: Surroundings, make: SidecarFactory, drainDelayMs: number) {
    this.#surroundings = surroundings;
    this.#make = make;
    this.#drainNs = Math.round(surroundings.configOf(0).drainMs * 1e6);
    this.#drainDelayNs = Math.round(drainDelayMs * 1e6);
    for (let index = 0; index < count; index++) {
      this.#generations.push(0);
      this.#serving.push(this.#machine(index));
      this.#connected.push(null);
      this.#inService.push(index);
    }
  }

  /** All machines, those that are gone included. */
  [Symbol.iterator](): Iterator<SidecarHost> {
    return this.#machines[Symbol.iterator]();
  }

  at(slot: number): SidecarHost {
    return this.#machines[slot] as SidecarHost;
  }

  /** Whose turn the call is; -1 when no sidecar is left to call. */
  turnOf(call: number): number {
    return this.#inService[call % this.#inService.length] ?? -1;
  }

  /** The clients' connection to a sidecar, a new one where theirs is no good any more; null: refused. */
  connection(sidecar: number): SidecarHost | null {
    const host = this.#connected[sidecar];
    if (host !== null && host !== undefined && host.alive && !host.callers.goingAway) return host;
    const next = this.#serving[sidecar] ?? null;
    if (sidecar >= 0) this.#connected[sidecar] = next;
    return next;
  }

  apply(sidecar: number, act: SidecarAct): void {
    const now = this.#serving[sidecar] ?? null;
    if (act === 'start') {
      if (now === null) this.#begin(sidecar, START_NS, null);
    } else if (now === null) {
      // It is away: nothing can be done to it, and the journal shows no effect.
    } else if (act === 'crash') this.#crash(now);
    else if (act === 'drain') this.#drain(now);
    else this.#begin(sidecar, act === 'reload' ? RELOAD_NS : START_NS, now);
  }

  /** A new machine comes up; when it can serve it gets the port, and the one before leaves. */
  #begin(sidecar: number, afterNs: number, before: SidecarHost | null): void {
    const { kernel } = this.#surroundings;
    const generation = (this.#generations[sidecar] as number) + 1;
    this.#generations[sidecar] = generation;
    this.#note(sidecar, generation, 'starting');
    kernel.later(kernel.nowNs + afterNs, () => {
      // Whoever it was to replace is gone itself in the meantime.
      if (before !== null && this.#serving[sidecar] !== before) return;
      const host = this.#machine(sidecar);
      this.discovery?.attach(host);
      const { subsetSize } = this.#surroundings.configOf(sidecar).balancer;
      let endpoints = 0;
      for (const set of this.discovery?.endpoints().values() ?? []) {
        const priorities = set.map(({ priority = 0 }) => priority);
        endpoints += usedCount(priorities, subsetSize);
      }
      this.#lookWhether(host, endpoints, kernel.nowNs, before);
    });
  }

  /** It waits until it is told its endpoints, and until all of them can be picked, each long enough. */
  #lookWhether(host: SidecarHost, endpoints: number, sinceNs: number, before: SidecarHost | null): void {
    const { kernel } = this.#surroundings;
    const { toldNs } = host;
    const limitNs = toldNs < 0 ? sinceNs + FIRST_SET_NS : toldNs + FIRST_CONTACT_NS;
    if ((toldNs < 0 || host.observer.pickable < endpoints) && kernel.nowNs < limitNs) {
      kernel.later(kernel.nowNs + LOOK_NS, () => this.#lookWhether(host, endpoints, sinceNs, before));
      return;
    }
    // Who does not know where calls go takes over from nobody.
    if (before !== null && toldNs < 0) return host.die();
    if (before !== null && this.#serving[host.index] !== before) return host.die();
    this.#serving[host.index] = host;
    this.#note(host.index, host.generation, 'serving');
    if (before !== null) this.#leave(before);
  }

  /** Not ready at once, which those who spread calls hear of; the port goes after the delay. */
  #drain(host: SidecarHost): void {
    const { kernel } = this.#surroundings;
    kernel.later(kernel.nowNs + DISCOVERY_NS, () => {
      this.#inService = this.#inService.filter((one) => one !== host.index);
    });
    kernel.later(kernel.nowNs + this.#drainDelayNs, () => {
      if (this.#serving[host.index] !== host) return;
      this.#serving[host.index] = null;
      this.#leave(host);
    });
  }

  /** GOAWAY; when the calls in flight have ended, or had their time, it is gone. */
  #leave(host: SidecarHost): void {
    const { kernel } = this.#surroundings;
    this.#note(host.index, host.generation, 'draining');
    const gone = (): void => {
      if (!host.alive) return;
      host.die();
      this.#note(host.index, host.generation, 'gone');
    };
    host.onDrained = gone;
    host.enter();
    host.machine.drain();
    host.leave();
    const lastNs = Math.min(LAST_WORDS_NS, this.#drainNs / 10);
    kernel.later(kernel.nowNs + this.#drainNs - lastNs, () => {
      if (!host.alive) return;
      host.enter();
      host.machine.endCalls();
      host.leave();
    });
    kernel.later(kernel.nowNs + this.#drainNs, gone);
  }

  #crash(host: SidecarHost): void {
    this.#note(host.index, host.generation, 'crashed');
    this.#serving[host.index] = null;
    // All machines of a sidecar live in its process.
    for (const one of this.#machines) if (one.index === host.index) one.die();
  }

  #machine(index: number): SidecarHost {
    const place = { index, generation: this.#generations[index] as number, slot: this.#machines.length };
    const host = new SidecarHost(place, this.#surroundings, this.#make);
    this.#machines.push(host);
    return host;
  }

  #note(sidecar: number, generation: number, state: State): void {
    const { journal, nowNs } = this.#surroundings.kernel;
    const code = SIDECAR_STATES.indexOf(state);
    journal.write(Kind.sidecarState, nowNs, -1, -1, -1, code, generation, sidecar);
  }
}
