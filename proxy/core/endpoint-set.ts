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
    /** Members of which something else is said than before, and what. */
    const changed: Upstream[] = [];
    const said: Endpoint[] = [];
    let known = 0;
    // As a rule the set is told in the order of last time: then nobody has to be looked up.
    const { members } = context;
    let expected = 0;
    for (const endpoint of endpoints) {
      let before = members[expected];
      const isSame = before !== undefined && before.endpoint === endpoint;
      if (!isSame && before?.endpoint.address !== endpoint.address) {
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
      known++;
      if (isSame || before.endpoint === endpoint) continue;
      changed.push(before);
      said.push(endpoint);
    }
    const gone: Upstream[] = [];
    if (known < members.length || fresh.length > 0) {
      const now: Upstream[] = [];
      for (const upstream of members) (upstream.set === set ? now : gone).push(upstream);
      for (const upstream of gone) this.#byAddress.delete(upstream.endpoint.address);
      for (const upstream of fresh) now.push(upstream);
      context.members = now;
      context.balancer.membersChanged(now, fresh, gone);
    }
    // New ones first: a set that changes whole is never empty on the way (DC-20).
    for (const upstream of fresh) upstream.begin();
    let moved = false;
    changed.forEach((upstream, at) => {
      if (upstream.change(said[at] as Endpoint)) moved = true;
    });
    if (moved) context.groups?.membersChanged(context.members, [], []);
    for (const upstream of gone) upstream.remove();
    context.balancer.settle?.();
    context.outliers?.membersChanged();
    context.releaseWaiting();
  }
}
