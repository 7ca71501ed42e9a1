/**
 * A subset of the endpoints for one sidecar, so that many sidecars do not all connect to everyone: the `size` endpoints of each priority whose
 * hash with the sidecar's own key is least (rendezvous hashing, as in gRFC A68). One endpoint more or less changes it by one at most, its
 * order means nothing, and sidecars with different keys draw independently, so that loads are even but for chance.
 */
import type { Endpoint } from './config.ts';
import { hashText, mix } from './hash.ts';

interface Level {
  /** Hashes and endpoints of the best so far: a heap with the worst of them on top. */
  hashes: number[];
  endpoints: Endpoint[];
  /** Draining ones, which take nobody's place. */
  leaving: Endpoint[];
  leavingHashes: number[];
}

export class Subset {
  readonly #size: number;
  readonly #seed: number;

  /** `key`: the sidecar's own name. */
  constructor(size: number, key: string) {
    this.#size = size;
    this.#seed = hashText(key);
  }

  /** In the order in which they stand. */
  select(endpoints: readonly Endpoint[]): readonly Endpoint[] {
    if (endpoints.length <= this.#size) return endpoints;
    const levels = new Map<number, Level>();
    for (const endpoint of endpoints) {
      const priority = endpoint.priority ?? 0;
      let level = levels.get(priority);
      if (level === undefined) {
        level = { hashes: [], endpoints: [], leaving: [], leavingHashes: [] };
        levels.set(priority, level);
      }
      const hash = mix(hashText(endpoint.address) ^ this.#seed);
      if (!endpoint.draining) this.#offer(level, hash, endpoint);
      else {
        level.leaving.push(endpoint);
        level.leavingHashes.push(hash);
      }
    }
    const chosen = new Set<Endpoint>();
    for (const { hashes, endpoints: best, leaving, leavingHashes } of levels.values()) {
      for (const endpoint of best) chosen.add(endpoint);
      const worst = best.length < this.#size ? Infinity : (hashes[0] as number);
      // One that was in the subset before it began to drain finishes its calls there.
      leaving.forEach((endpoint, at) => {
        if ((leavingHashes[at] as number) <= worst) chosen.add(endpoint);
      });
    }
    return endpoints.filter((endpoint) => chosen.has(endpoint));
  }

  #offer({ hashes, endpoints }: Level, hash: number, endpoint: Endpoint): void {
    let at = hashes.length;
    const isFull = at === this.#size;
    if (isFull && !isBetter(hash, endpoint, hashes[0] as number, endpoints[0] as Endpoint)) return;
    // Of two with one address the first counts.
    if (hashes.includes(hash) && endpoints.some(({ address }) => address === endpoint.address)) return;
    if (!isFull) {
      hashes.push(hash);
      endpoints.push(endpoint);
      for (; at > 0; at = (at - 1) >> 1) {
        const above = (at - 1) >> 1;
        if (!isWorse(hashes, endpoints, at, above)) return;
        swap(hashes, endpoints, at, above);
      }
      return;
    }
    hashes[0] = hash;
    endpoints[0] = endpoint;
    at = 0;
    for (let child = 1; child < hashes.length; child = 2 * at + 1) {
      if (child + 1 < hashes.length && isWorse(hashes, endpoints, child + 1, child)) child++;
      if (!isWorse(hashes, endpoints, child, at)) return;
      swap(hashes, endpoints, child, at);
      at = child;
    }
  }
}

function isWorse(
  hashes: readonly number[],
  endpoints: readonly Endpoint[],
  one: number,
  other: number,
): boolean {
  const [a, b] = [endpoints[one] as Endpoint, endpoints[other] as Endpoint];
  return isBetter(hashes[other] as number, b, hashes[one] as number, a);
}

function isBetter(hash: number, { address }: Endpoint, other: number, than: Endpoint): boolean {
  return hash < other || (hash === other && address < than.address);
}

function swap(hashes: number[], endpoints: Endpoint[], one: number, other: number): void {
  [hashes[one], hashes[other]] = [hashes[other] as number, hashes[one] as number];
  [endpoints[one], endpoints[other]] = [endpoints[other] as Endpoint, endpoints[one] as Endpoint];
}
