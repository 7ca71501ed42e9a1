/** A text to compare with: exact, or with a star at one end. Made once, asked for every call; linear in the text's length. */

export interface Pattern {
  /** Whether a text fits; undefined (nothing is there) never does. */
  fits(text: string | undefined): boolean;
}

export function pattern(text: string): Pattern {
  if (text === '*') return { fits: (other) => other !== undefined };
  if (text.endsWith('*')) {
    const head = text.slice(0, -1);
    return { fits: (other) => other !== undefined && other.startsWith(head) };
  }
  if (text.startsWith('*')) {
    const tail = text.slice(1);
    return { fits: (other) => other !== undefined && other.endsWith(tail) };
  }
  return { fits: (other) => other === text };
}
