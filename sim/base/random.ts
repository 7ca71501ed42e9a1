/** Seeded randomness (sfc32). Each component forks a generator of its own by name, so that no part disturbs another. */
import { fnv1a32Label } from './fnv.ts';

const WARM_UP_ROUNDS = 15;
const UNIT = 1 / 4_294_967_296;

/** sfc32: 128 bits of state, passes PractRand. The same seed gives the same numbers on every machine. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;
  /** What forks are made from: never changes, so forks do not depend on their order or on draws. */
  readonly #key0: number;
  readonly #key1: number;
  readonly #key2: number;

  /** `seed`: any whole number up to 2^53. */
  constructor(seed: number, key1 = 0, key2 = 0) {
    this.#key0 = seed | 0;
    this.#key1 = (key1 ^ Math.trunc(seed / 4_294_967_296)) | 0;
    this.#key2 = key2 | 0;
    this.#a = this.#key0;
    this.#b = this.#key1;
    this.#c = this.#key2;
    for (let round = 0; round < WARM_UP_ROUNDS; round++) this.nextUint32();
  }

  /** A generator of its own for a named part. The same path of labels gives the same generator, whenever it is forked. */
  fork(label: string | number): Random {
    const mark = typeof label === 'number' ? fnv1a32Label(`#${label}`) : fnv1a32Label(label);
    const key0 = mix(this.#key0 ^ mark);
    const key1 = mix(this.#key1 + key0 + mark);
    return new Random(key0 >>> 0, key1, mix(this.#key2 + key1 + 0x9e3779b9));
  }

  /** Uniform in 0 .. 2^32 - 1. */
  nextUint32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** Uniform in [0, 1), in steps of 2^-32. */
  nextUnit(): number {
    return this.nextUint32() * UNIT;
  }

  /** Uniform whole number in 0 .. count - 1. `count` is at most 2^32. */
  below(count: number): number {
    return Math.floor(this.nextUint32() * UNIT * count);
  }
}

/** Finalizer of MurmurHash3: every bit of the input moves every bit of the output. */
function mix(value: number): number {
  let word = value | 0;
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return (word ^ (word >>> 16)) | 0;
}
