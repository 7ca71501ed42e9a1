/** What a client has of one type of resource: what it wants, what it accepted last, what is not there. */
import type { TypeUrl } from './messages.ts';
import type { Resource } from './read-resource.ts';

export interface Accepted {
  version: string;
  resource: Resource;
}

export class ClientType {
  readonly type: TypeUrl;
  wanted: readonly string[] = [];
  /** By name: the last good ones. */
  readonly accepted = new Map<string, Accepted>();
  /** Names that the control plane does not have. */
  readonly absent = new Set<string>();
  /** By name: since when it has been waited for, ns; only while connected. */
  readonly waiting = new Map<string, number>();
  /** State of the world: the version accepted last, and for which names. */
  version = '';
  versionNames = '';
  /** Of the last response on this stream. */
  nonce = '';
  /** The version accepted last on this stream, for those who want them to rise. */
  newest = '';
  /** Asked for on this stream. */
  asked: ReadonlySet<string> = new Set();
  begun = false;
  /** Resources refused last, by name, with the reason. */
  readonly refused = new Map<string, string>();

  constructor(type: TypeUrl) {
    this.type = type;
  }

  /** A stream begins. What was not there may be there by now. */
  restart(): void {
    this.nonce = '';
    this.newest = '';
    this.begun = false;
    this.asked = new Set();
    this.waiting.clear();
    this.absent.clear();
  }

  /** What is wanted from now on; true when that differs. What is not wanted any more is forgotten. */
  want(names: readonly string[]): boolean {
    if (names.length === this.wanted.length && names.every((name, at) => name === this.wanted[at]))
      return false;
    this.wanted = names;
    for (const kept of [this.accepted, this.absent, this.waiting, this.refused])
      for (const name of [...kept.keys()]) if (!names.includes(name)) kept.delete(name);
    return true;
  }

  /** Notes since when each missing one has been waited for. */
  wait(nowNs: number): void {
    for (const name of this.wanted)
      if (!this.accepted.has(name) && !this.absent.has(name) && !this.waiting.has(name))
        this.waiting.set(name, nowNs);
  }
}
