/** Who exists at a moment of a run: turns targets into instance indexes, and says so when a target makes no sense. */
import { type FaultDefinition } from '../faults/definition.ts';
import { scenarioError, show } from '../faults/params.ts';

type Life = 'running' | 'dead' | 'gone';

export class Roster {
  readonly service: string;
  readonly #life: Life[] = [];
  readonly #since: string[] = [];

  readonly #sidecars: string[];
  readonly #discovery: string | null;

  /** `sidecars`: how many there are; `discovery`: the kind of what they follow, if that is no file. */
  constructor(service: string, instances: number, sidecars: number, discovery: string | null = null) {
    this.service = service;
    this.#discovery = discovery;
    // Why each of them is gone; '' while it is not.
    this.#sidecars = Array.from({ length: sidecars }, () => '');
    for (let index = 0; index < instances; index++) this.#grow('the start');
  }

  /** Instances that ever existed up to now. */
  get size(): number {
    return this.#life.length;
  }

  isDead(instance: number): boolean {
    return this.#life[instance] === 'dead';
  }

  nameOf(instance: number): string {
    return `${this.service}/${instance}`;
  }

  /** Instances that the fault strikes now, in order; afterwards they are what the fault made of them. */
  strike(definition: FaultDefinition, target: unknown, count: number, place: string, when: string): Strike[] {
    const { kind } = definition;
    this.#refuseWithoutSource(kind, place);
    if (definition.on === 'registry' || definition.on === 'plane')
      return [{ instance: -1, sidecar: -1, dead: false, turn: 0 }];
    if (definition.on === 'sidecar') return this.#strikeSidecars(kind, target, place, when);
    const instances =
      definition.on === 'service' ? this.#add(target, count, place, when) : this.#find(kind, target, place);
    const struck: Strike[] = [];
    let turn = 0;
    for (const instance of instances) {
      const dead = this.isDead(instance);
      struck.push({ instance, sidecar: -1, dead, turn: dead ? 0 : turn++ });
      if (kind === 'kill') this.#life[instance] = 'dead';
      else if (kind === 'restart') this.#life[instance] = 'running';
      else if (kind === 'remove' || kind === 'drain') this.#life[instance] = 'gone';
      else continue;
      this.#since[instance] = `${kind} at ${when}`;
    }
    return struck;
  }

  #refuseWithoutSource(kind: string, place: string): void {
    for (const [source, said] of SOURCES) {
      if (!kind.startsWith(`${source}.`) || this.#discovery === source) continue;
      throw scenarioError(said, place, `write mesh: { sidecar: { discovery: { kind: '${source}' } } }`);
    }
  }

  #strikeSidecars(kind: string, target: unknown, place: string, when: string): Strike[] {
    const match = typeof target === 'string' ? /^sidecar\/(\*|\d{1,9})$/.exec(target) : null;
    const all = this.#sidecars.map((_why, sidecar) => sidecar);
    const named = match?.[1] === '*' ? all.filter((one) => this.#sidecars[one] === '') : [Number(match?.[1])];
    for (const sidecar of named) {
      const gone = this.#sidecars[sidecar];
      if (gone === '') continue;
      const said =
        gone === undefined ? `there is no ${show(target)}` : `${show(target)} is gone by then (${gone})`;
      const there = `there are sidecar/0 to sidecar/${all.length - 1}`;
      throw scenarioError(said, place, gone === undefined ? there : 'name another sidecar');
    }
    if (named.length === 0)
      throw scenarioError('no sidecar is left for it by then', place, 'move it earlier');
    if (kind === 'sidecar.drain') for (const sidecar of named) this.#sidecars[sidecar] = `${kind} at ${when}`;
    return named.map((sidecar, turn) => ({ instance: -1, sidecar, dead: false, turn }));
  }

  #add(target: unknown, count: number, place: string, when: string): number[] {
    if (target !== this.service) {
      throw scenarioError(`unknown service ${show(target)}`, place, `write '${this.service}'`);
    }
    return Array.from({ length: count }, () => this.#grow(`add at ${when}`));
  }

  #grow(since: string): number {
    this.#since.push(since);
    return this.#life.push('running') - 1;
  }

  #find(kind: string, target: unknown, place: string): number[] {
    const match = typeof target === 'string' ? /^([^/]+)\/(\*|\d{1,9})$/.exec(target) : null;
    if (match === null) {
      throw scenarioError(
        `${show(target)} is not a target`,
        place,
        `write '${this.service}/0' or '${this.service}/*'`,
      );
    }
    if (match[1] !== this.service) {
      throw scenarioError(`unknown service '${match[1]}'`, place, `the mesh has '${this.service}' only`);
    }
    if (match[2] === '*') return this.#all(kind, place);
    const instance = Number(match[2]);
    const life = this.#life[instance];
    const name = String(target);
    if (life === undefined) {
      const last = this.nameOf(this.size - 1);
      throw scenarioError(
        `unknown instance '${name}'`,
        place,
        `at that time there are ${this.nameOf(0)} to ${last}`,
      );
    }
    if (life === 'gone' || (life === 'dead' && kind !== 'restart' && kind !== 'remove')) {
      const said = `'${name}' is ${life} by then (${this.#since[instance]})`;
      throw scenarioError(
        said,
        place,
        life === 'gone' ? 'name another instance' : 'restart it first, or name another',
      );
    }
    return [instance];
  }

  #all(kind: string, place: string): number[] {
    const found: number[] = [];
    this.#life.forEach((life, instance) => {
      if (life === 'running' || (life === 'dead' && kind === 'restart')) found.push(instance);
    });
    if (found.length > 0) return found;
    throw scenarioError(
      'no instance is left for it by then',
      place,
      'move it earlier, or restart some first',
    );
  }
}

/** Faults of these need one. */
const SOURCES = [
  ['xds', 'the sidecars follow no control plane'],
  ['registry', 'the sidecars follow no registry'],
] as const;

/** One instance, or one sidecar, that a fault strikes. */
export interface Strike {
  /** -1: it strikes a sidecar. */
  instance: number;
  /** -1: it strikes an instance. */
  sidecar: number;
  dead: boolean;
  turn: number;
}
