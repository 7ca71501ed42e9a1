/** A virtual instance's side of its lease: registers, renews, registers again, and leaves, as long as it can speak. */
import { LeaseHolder } from '../../proxy/registry/lease-holder.ts';
import { addressOf } from './discovery.ts';
import type { Instance } from './instance.ts';
import type { RegistryPlane } from './registry-plane.ts';

/** One that cannot speak looks this often in a lease's time whether it can. */
const LOOKS = 3;

interface Given {
  service: string;
  weight: number;
  ttlMs: number;
}

export class RegistryMember {
  readonly instance: Instance;
  readonly address: string;
  readonly #plane: RegistryPlane;
  readonly #given: Given;
  readonly #holder: LeaseHolder;
  /** Faults by which what it says gets lost. */
  readonly #muted = new Set<number>();
  #wanted = false;
  /** The instance's life that holds the lease. */
  #generation = -1;
  /** Counts loops of asking: one that was overtaken ends. */
  #turn = 0;

  constructor(plane: RegistryPlane, instance: Instance, given: Given) {
    this.#plane = plane;
    this.instance = instance;
    this.address = addressOf(instance.index);
    this.#given = given;
    const random = plane.kernel.random.fork('lease').fork(instance.index);
    this.#holder = new LeaseHolder(given.ttlMs, () => random.nextUnit());
  }

  want(wanted: boolean): void {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    if (wanted) this.#ask(++this.#turn);
    else this.#leave();
  }

  /** A new life. */
  ready(): void {
    if (this.#wanted) this.#ask(++this.#turn);
  }

  mute(fault: number, muted: boolean): void {
    if (muted) this.#muted.add(fault);
    else this.#muted.delete(fault);
    if (this.#muted.size === 0 && this.#wanted) this.#ask(++this.#turn);
  }

  #ask(turn: number): void {
    if (!this.#wanted || turn !== this.#turn) return;
    if (!this.#canSpeak) return this.#again(this.#given.ttlMs / LOOKS, turn);
    const { generation } = this.instance;
    if (generation !== this.#generation) this.#holder.lost();
    this.#generation = generation;
    const ask = this.#holder.ask(0);
    const owner = hostOf(this.address);
    this.#plane.note(ask.kind === 'register' ? 'registering' : 'renewing', this.instance.index);
    this.#plane.ask(
      (leases) => {
        if (ask.kind === 'heartbeat') return leases.heartbeat(ask.leaseId, ask.sequence, owner);
        const { address } = this;
        const { incarnation } = ask;
        return leases.register({ ...this.#given, address, incarnation }, owner, `${address} ${incarnation}`);
      },
      (answer) => {
        if (generation !== this.instance.generation || turn !== this.#turn) return;
        if (!this.#canSpeak) return this.#again(this.#given.ttlMs / LOOKS, turn);
        if (answer === null) return this.#again(this.#holder.failed(), turn);
        if (!('status' in answer)) return this.#again(this.#holder.granted(answer), turn);
        if (answer.status !== 'NOT_FOUND') return this.#again(this.#holder.failed(), turn);
        this.#holder.lost();
        this.#ask(turn);
      },
    );
  }

  #again(waitMs: number, turn: number): void {
    this.#plane.later(Math.ceil(waitMs * 1e6), () => this.#ask(turn));
  }

  #leave(): void {
    const { leaseId } = this.#holder;
    this.#holder.lost();
    const { paused, life } = this.instance;
    if (leaseId === null || paused || life === 'dead' || this.#muted.size > 0) return;
    this.#plane.ask((leases) => leases.leave(leaseId, hostOf(this.address)), ignored);
  }

  get #canSpeak(): boolean {
    return this.instance.life === 'ready' && !this.instance.paused && this.#muted.size === 0;
  }
}

const ignored = (): void => undefined;

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'));
}
