/** Who exists at a moment of a run: turns targets into instance indexes, and says so when a target makes no sense. */
import { type FaultDefinition } from '../faults/definition.ts';
import { scenarioError, show } from '../faults/params.ts';

type Life = 'running' | 'dead' | 'gone';

export class Roster {
  readonly service: string;
  readonly #life: Life[] = [];
  readonly #since: string[] = [];

  constructor(service: string, instances: number) {
    this.service = service;
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
    const instances =
      definition.on === 'service' ? this.#add(target, count, place, when) : this.#find(kind, target, place);
    const struck: Strike[] = [];
    let turn = 0;
    for (const instance of instances) {
      const dead = this.isDead(instance);
      struck.push({ instance, dead, turn: dead ? 0 : turn++ });
      if (kind === 'kill') this.#life[instance] = 'dead';
      else if (kind === 'restart') this.#life[instance] = 'running';
      else if (kind === 'remove' || kind === 'drain') this.#life[instance] = 'gone';
      else continue;
      this.#since[instance] = `${kind} at ${when}`;
    }
    return struck;
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

/** One instance that a fault strikes. */
export interface Strike {
  instance: number;
  dead: boolean;
  turn: number;
}
