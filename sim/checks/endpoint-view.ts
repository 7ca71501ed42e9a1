/** What one sidecar says of its endpoints, counted by group: one priority and one locality. */
import { ENDPOINT_CHANGES, type EventView } from '../journal/events.ts';
import { type GroupFacts, type GroupSettings, groupSettings } from '../spec/balancer.ts';
import type { CheckContext } from '../spec/check.ts';

/** The endpoints of one priority in one locality. */
export interface Group {
  readonly priority: number;
  readonly locality: string;
  readonly localityWeight: number;
  /** Members, draining ones included. */
  total: number;
  pickable: number;
  /** Those that could be picked also without panic. */
  well: number;
}

class Seen {
  member = false;
  pickable = false;
  unhealthy = false;
  /** It has not shown yet whether it is well: whether it counts cannot be told from outside. */
  fresh = false;
}

/** Which group an instance is in, as far as the balancer tells them apart. */
export function placeOf(
  { priority = 0, locality = '' }: GroupFacts = {},
  { priorities, localities }: GroupSettings,
): { priority: number; locality: string } {
  return {
    priority: priorities === 'ignore' ? 0 : priority,
    locality: localities === 'ignore' ? '' : locality,
  };
}

/** By instance: a number for its group; each group of endpoints is balanced by itself. */
export function groupNumbers({ instanceNames, groups = [], sidecar }: CheckContext): number[] {
  const settings = groupSettings(sidecar?.balancer);
  const numbers = new Map<string, number>();
  return instanceNames.map((_name, instance) => {
    const { priority, locality } = placeOf(groups[instance], settings);
    const key = `${priority} ${locality}`;
    const number = numbers.get(key) ?? numbers.size;
    numbers.set(key, number);
    return number;
  });
}

export class EndpointView {
  /** By priority, then by locality. */
  readonly groups: readonly Group[];
  /** By instance: its group's place in that list. */
  readonly groupOf: readonly number[];
  readonly #seen: readonly Seen[];
  #fresh = 0;

  /** `facts` by instance, as many as there are `instances` or fewer. */
  constructor(instances: number, facts: readonly GroupFacts[], settings: GroupSettings) {
    const groups = new Map<string, Group>();
    const own = Array.from({ length: instances }, (_, instance) => {
      const place = placeOf(facts[instance], settings);
      const key = `${place.priority} ${place.locality}`;
      const { localityWeight = 1 } = facts[instance] ?? {};
      const group = groups.get(key) ?? { ...place, localityWeight, total: 0, pickable: 0, well: 0 };
      groups.set(key, group);
      return group;
    });
    this.groups = [...groups.values()].sort(
      (a, b) => a.priority - b.priority || (a.locality < b.locality ? -1 : 1),
    );
    this.groupOf = own.map((group) => this.groups.indexOf(group));
    this.#seen = Array.from({ length: instances }, () => new Seen());
  }

  /** True while it can be told what each group counts. */
  get isClear(): boolean {
    return this.#fresh === 0;
  }

  /** Takes an endpointChanged event of the sidecar; true when it changes a count. */
  change({ instance, code }: EventView): boolean {
    const seen = this.#seen[instance];
    if (seen === undefined) return false;
    this.#count(seen, instance, -1);
    const before = { ...seen };
    switch (ENDPOINT_CHANGES[code]) {
      case 'added':
        Object.assign(seen, { member: true, pickable: false, unhealthy: false, fresh: true });
        break;
      case 'removed':
        Object.assign(seen, { member: false, pickable: false, fresh: false });
        break;
      case 'pickable':
        // Load may begin with endpoints that were there before.
        Object.assign(seen, { member: true, pickable: true, fresh: false });
        break;
      case 'unpickable':
        seen.pickable = false;
        break;
      case 'healthy':
        seen.unhealthy = false;
        break;
      case 'unhealthy':
        Object.assign(seen, { unhealthy: true, fresh: false });
        break;
      default:
    }
    this.#count(seen, instance, 1);
    return (
      before.member !== seen.member ||
      before.pickable !== seen.pickable ||
      before.unhealthy !== seen.unhealthy ||
      before.fresh !== seen.fresh
    );
  }

  /** Of the instance that was told of last. */
  isPickable(instance: number): boolean {
    return this.#seen[instance]?.pickable === true;
  }

  #count(seen: Seen, instance: number, by: 1 | -1): void {
    const group = this.groups[this.groupOf[instance] as number] as Group;
    if (seen.member) group.total += by;
    if (seen.fresh) this.#fresh += by;
    if (!seen.pickable) return;
    group.pickable += by;
    if (!seen.unhealthy) group.well += by;
  }
}
