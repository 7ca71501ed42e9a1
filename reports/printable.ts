/** Makes text from peers and scenarios safe for a terminal and a CI log: what could command either is shown as an escape. */

/** Control (C0, DEL, C1), format (bidi, zero width, tags), lone surrogates, and the two Unicode line separators. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

const LENGTH_MAX = 2_000;

/**
 * One line of visible text: control and bidi characters become `\xNN` or `\u{N}`, a line break becomes `\n` in letters,
 * and what is longer than `lengthMax` characters is cut with a note.
 */
export function printable(text: string, lengthMax = LENGTH_MAX): string {
  const cut = text.length > lengthMax ? `${text.slice(0, lengthMax)}… (${text.length} characters)` : text;
  return cut.replace(UNSAFE, escapeCharacter);
}

/** As `printable`, for text that begins a line: a CI system must not take it for a command (`::set-output`, `##vso`). */
export function printableLine(text: string, lengthMax = LENGTH_MAX): string {
  const safe = printable(text, lengthMax);
  return /^\s*(::|##)/.test(safe) ? safe.replace(/(::|##)/, (mark) => `\\${mark}`) : safe;
}

function escapeCharacter(character: string): string {
  if (character === '\n') return '\\n';
  if (character === '\r') return '\\r';
  if (character === '\t') return '\\t';
  const code = character.codePointAt(0) as number;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}
