/** The endpoints of one cluster as discovery told them last, and the upstreams that stand for them. */
import type { Endpoint } from '../policy/config.ts';
import { Subset } from '../policy/subset.ts';
import type { Context } from './context.ts';
import { Upstream } from './upstream.ts';

export class EndpointSet {
  readonly context: Context;
  readonly #byAddress = new Map<string, Upstream>();
  /** Null: all endpoints are used. */
  readonly #subset: Subset | null;
  /** Counts the sets that discovery told. */
  #set = 0;

  constructor(context: Context) {
    this.context = context;
    const { subsetSize, subsetKey } = context.config.balancer;
    this.#subset = subsetSize === 0 ? null : new Subset(subsetSize, subsetKey);
  }

  /** Replaces the set whole. */
  handle(told: readonly Endpoint[]): void {
    const { context } = this;
    const endpoints = this.#subset === null ? told : this.#subset.select(told);
    const set = ++this.#set;
    const fresh: Upstream[] = [];
    let known = 0;
    // As a rule the set is told in the order of last time: then nobody has to be looked up.
    const { members } = context;
    let expected = 0;
    for (const endpoint of endpoints) {
      let before = members[expected];
      if (before?.endpoint.address !== endpoint.address) {
        before = this.#byAddress.get(endpoint.address);
        if (before !== undefined && before === members[expected + 1]) expected++;
      }
      if (before === undefined) {
        const upstream = new Upstream(context, endpoint);
        upstream.set = set;
        this.#byAddress.set(endpoint.address, upstream);
        fresh.push(upstream);
        continue;
      }
      if (before === members[expected]) expected++;
      if (before.set === set) continue;
      // Of two with one address the first counts.
      before.set = set;
      before.said = endpoint;
      known++;
    }
    const gone = known === members.length ? [] : members.filter((upstream) => upstream.set !== set);
    for (const upstream of gone) this.#byAddress.delete(upstream.endpoint.address);
    if (gone.length > 0 || fresh.length > 0) {
      const stay = gone.length === 0 ? members : members.filter((upstream) => upstream.set === set);
      context.members = [...stay, ...fresh];
      context.balancer.membersChanged(context.members, fresh, gone);
    }
    // New ones first: a set that changes whole is never empty on the way (DC-20).
    for (const upstream of fresh) upstream.begin();
    let moved = false;
    for (const upstream of context.members) if (upstream.change()) moved = true;
    if (moved) context.groups?.membersChanged(context.members, [], []);
    for (const upstream of gone) upstream.remove();
    context.outliers?.membersChanged();
    context.releaseWaiting();
  }
}
