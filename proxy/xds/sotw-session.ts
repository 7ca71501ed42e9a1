/** State of the world: each response holds all that is followed of its type. */
import { type DiscoveryRequest, type DiscoveryResponse, isWhole } from './messages.ts';
import { type Following, ServerSession } from './server-session.ts';
import type { Held } from './snapshot.ts';
import { digestIn, digestOf, versionText } from './versions.ts';

export class SotwSession extends ServerSession<DiscoveryRequest, DiscoveryResponse> {
  /** By type: the digest of what was sent last. */
  readonly #digests = new Map<string, string>();
  /** Types of which the client has asked for something that it may not have: it gets an answer even if nothing changed. */
  readonly #owed = new Set<string>();
  readonly #lastNonce = new Map<string, string>();

  protected override read(request: DiscoveryRequest, following: Following): boolean {
    const { type } = following;
    const names = request.resource_names ?? [];
    const nonce = request.response_nonce ?? '';
    const first = !following.followed;
    const answer = this.answered(following, nonce, request.error_detail);
    // A nonce that is not the last one is about the past; a subscription comes again with the right one.
    if (!first && !answer && nonce !== '' && nonce !== this.#lastNonce.get(type)) return false;
    following.followed = true;
    if (first) {
      following.wildcard = isWhole(type) && names.length === 0;
      this.#digests.set(type, digestIn(request.version_info ?? ''));
    } else if (names.length > 0) following.wildcard = names.includes('*');
    const grown = names.filter((name) => name !== '*' && !following.names.has(name));
    following.names.clear();
    for (const name of names) if (name !== '*') following.names.add(name);
    if (first) this.#greet(following);
    else if (grown.some((name) => isWhole(type) || this.snapshot.get(type, name) !== undefined))
      this.#owed.add(type);
    else this.#forget(following);
    return true;
  }

  protected override next(following: Following, gone: boolean): DiscoveryResponse | null {
    const { type } = following;
    const held = this.#list(following, gone);
    // A client that comes back names what it had; what of that is gone it hears when it knows what takes the place.
    if (!gone && isWhole(type) && !this.#lastNonce.has(type) && held.length < following.names.size)
      return null;
    const digest = digestOfAll(held);
    const owed = this.#owed.has(type) || following.owesAgain(null, this.snapshot);
    if (digest === this.#digests.get(type) && !owed) return null;
    this.#owed.delete(type);
    this.#digests.set(type, digest);
    following.known = new Map(held.map((one) => [one.name, one]));
    // Nothing of what is asked for is there: of these types silence says so.
    if (held.length === 0 && !isWhole(type)) return null;
    const nonce = this.nextNonce();
    const version = versionText(this.snapshot.serial, digest);
    this.#lastNonce.set(type, nonce);
    this.sent(following, nonce, version, []);
    return { version_info: version, resources: held.map(({ any }) => any), type_url: type, nonce };
  }

  /** The first request of a type: a version that is just what would be sent needs no answer. */
  #greet(following: Following): void {
    const { type } = following;
    const held = this.#list(following, true);
    if (digestOfAll(held) === this.#digests.get(type))
      following.known = new Map(held.map((one) => [one.name, one]));
    else this.#owed.add(type);
  }

  /** Who asks for less needs no answer: what is left is what it has, if it has it as it is. */
  #forget(following: Following): void {
    const held = this.#list(following, false);
    if (held.every(({ name, digest }) => following.known.get(name)?.digest === digest))
      this.#digests.set(following.type, digestOfAll(held));
  }

  /** Until they may be gone, clusters that the client has stay as they were. */
  #list({ type, wildcard, names, known }: Following, gone: boolean): Held[] {
    const held: Held[] = [];
    const wanted = wildcard ? [...this.snapshot.all(type).keys(), ...names] : [...names];
    if (!gone) wanted.push(...[...known.keys()].filter((name) => wildcard || names.has(name)));
    for (const name of [...new Set(wanted)].sort()) {
      const one = this.snapshot.get(type, name) ?? (gone ? undefined : known.get(name));
      if (one !== undefined) held.push(one);
    }
    return held;
  }
}

function digestOfAll(held: readonly Held[]): string {
  return digestOf(held.map(({ name, digest }) => `${name}\n${digest}\n`).join(''));
}
