/**
 * What encoders remember of an object, on the object itself: a lookup in a map for each field of each call would cost more
 * than to encode it. A few places, taken by turns; who finds somebody else's mark in its place asks its map.
 */

const PLACES = 8;
let lastPlace = 0;
let lastOwner = 0;

/** The place of one more encoder. */
export function takePlace(): number {
  lastPlace = (lastPlace + 1) % PLACES;
  return lastPlace;
}

/** A name that no mark has: an encoder takes a new one when it empties a map, so that marks tell what its maps would. */
export function takeOwner(): number {
  lastOwner += 1;
  return lastOwner;
}

export interface Mark {
  /** Whose it is. No reference: a field that lives long must not keep the encoder of a closed connection. */
  owner: number;
}

export class EncoderMarks {
  #places: (Mark | null)[] | null = null;

  get(place: number): Mark | null {
    return this.#places === null ? null : (this.#places[place] as Mark | null);
  }

  set(place: number, mark: Mark): void {
    this.#places ??= [null, null, null, null, null, null, null, null];
    this.#places[place] = mark;
  }
}
