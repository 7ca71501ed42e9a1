/** All resources of a control plane at one moment, each with its version. Never changes: a change is another snapshot. */
import { type AnyMessage, CLUSTER, type Codec, type TypeUrl, TYPES } from './messages.ts';
import { nameOf } from './read-resource.ts';
import type { ClusterShape } from './shapes.ts';
import { digestOf } from './versions.ts';

export interface Held {
  readonly name: string;
  readonly digest: string;
  readonly any: AnyMessage;
}

/** Messages by type, as a snapshot is made of them. */
export type Messages = Readonly<Partial<Record<TypeUrl, readonly object[]>>>;

export class Snapshot {
  /** Rises from each snapshot to the next. */
  readonly serial: number;
  /** Names of clusters whose endpoints come on their own. */
  readonly assigned: ReadonlyMap<string, string>;
  readonly #byType = new Map<TypeUrl, ReadonlyMap<string, Held>>();

  /** What is as it was in `before` is not packed again. Two of one name and type: the first counts. */
  constructor(serial: number, messages: Messages, codec: Codec, before: Snapshot | null = null) {
    this.serial = serial;
    const assigned = new Map<string, string>();
    for (const type of TYPES) {
      const held = new Map<string, Held>();
      for (const message of messages[type] ?? []) {
        const name = nameOf(type, message);
        if (held.has(name)) continue;
        const digest = digestOf(JSON.stringify(message));
        const last = before?.get(type, name);
        held.set(name, last?.digest === digest ? last : { name, digest, any: codec.pack(type, message) });
        if (type === CLUSTER) {
          const { eds_cluster_config: eds } = message as ClusterShape;
          if (eds !== undefined) assigned.set(name, eds.service_name ?? name);
        }
      }
      this.#byType.set(type, held);
    }
    this.assigned = assigned;
  }

  get(type: TypeUrl, name: string): Held | undefined {
    return this.#byType.get(type)?.get(name);
  }

  all(type: TypeUrl): ReadonlyMap<string, Held> {
    return this.#byType.get(type) as ReadonlyMap<string, Held>;
  }

  /** Nothing in it differs. */
  sameAs(other: Snapshot): boolean {
    return TYPES.every((type) => {
      const mine = this.all(type);
      const others = other.all(type);
      if (mine.size !== others.size) return false;
      for (const [name, { digest }] of mine) if (others.get(name)?.digest !== digest) return false;
      return true;
    });
  }
}
