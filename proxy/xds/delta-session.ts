/** Incremental: each response holds what changed and what is gone. */
import type { DeltaRequest, DeltaResource, DeltaResponse } from './messages.ts';
import { isWhole } from './messages.ts';
import { type Following, ServerSession } from './server-session.ts';
import type { Held } from './snapshot.ts';

const NOTHING = { type_url: '', value: new Uint8Array(0) };

export class DeltaSession extends ServerSession<DeltaRequest, DeltaResponse> {
  /** By type: names that were just asked for, which get an answer in any case, also that they are not there. */
  readonly #owed = new Map<string, Set<string>>();
  /** By type: nothing was sent yet, so an empty response says that there is nothing. */
  readonly #fresh = new Set<string>();

  protected override read(request: DeltaRequest, following: Following): boolean {
    const { type } = following;
    const subscribe = request.resource_names_subscribe ?? [];
    const first = !following.followed;
    this.answered(following, request.response_nonce ?? '', request.error_detail);
    following.followed = true;
    const owed = this.#owed.get(type) ?? new Set<string>();
    this.#owed.set(type, owed);
    if (first) {
      following.wildcard = isWhole(type) && subscribe.length === 0;
      if (following.wildcard) this.#fresh.add(type);
      for (const [name, version] of Object.entries(request.initial_resource_versions ?? {}))
        following.known.set(name, { name, digest: version, any: NOTHING });
    }
    for (const name of request.resource_names_unsubscribe ?? []) {
      owed.delete(name);
      if (name === '*') following.wildcard = false;
      else if (following.names.delete(name) && !following.wildcard) following.known.delete(name);
    }
    for (const name of subscribe) {
      if (name === '*') following.wildcard = true;
      else {
        // One that the client has brought along needs no answer when it is still the same.
        if (!first || !following.known.has(name)) owed.add(name);
        following.names.add(name);
      }
    }
    return true;
  }

  protected override next(following: Following, gone: boolean): DeltaResponse | null {
    const { type, known } = following;
    const owed = this.#owed.get(type) as Set<string>;
    const resources: DeltaResource[] = [];
    for (const one of this.#wanted(following)) {
      const again = owed.has(one.name) || following.owesAgain(one.name, this.snapshot);
      if (known.get(one.name)?.digest === one.digest && !again) continue;
      resources.push({ name: one.name, version: one.digest, resource: one.any });
      known.set(one.name, one);
    }
    // That something is not there is told last: what leads to it may be about to change.
    const missing = new Set([...owed, ...known.keys()].filter((name) => this.#missing(following, name)));
    const removed = gone ? [...missing] : [];
    for (const name of removed) known.delete(name);
    for (const name of [...owed]) if (gone || !missing.has(name)) owed.delete(name);
    if (resources.length === 0 && removed.length === 0 && !this.#fresh.has(type)) return null;
    this.#fresh.delete(type);
    const nonce = this.nextNonce();
    const version = String(this.snapshot.serial);
    this.sent(
      following,
      nonce,
      version,
      resources.map(({ name }) => name),
    );
    return {
      system_version_info: version,
      resources,
      removed_resources: removed,
      type_url: type,
      nonce,
    };
  }

  #wanted({ type, wildcard, names }: Following): Held[] {
    if (wildcard) return [...this.snapshot.all(type).values()];
    return [...names].map((name) => this.snapshot.get(type, name)).filter((one) => one !== undefined);
  }

  #missing({ type }: Following, name: string): boolean {
    return this.snapshot.get(type, name) === undefined;
  }
}
