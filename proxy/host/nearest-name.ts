/** What somebody meant who wrote a name that does not exist. */

const LETTERS_MAX = 64;

/** The known name with the fewest letters changed, capitals not counting. `known` is not empty. */
export function nearestName(name: string, known: readonly string[]): string {
  const asked = name.slice(0, LETTERS_MAX).toLowerCase();
  let best = known[0] as string;
  let least = Infinity;
  for (const one of known) {
    const distance = editDistance(asked, one.toLowerCase());
    if (distance < least) [best, least] = [one, distance];
  }
  return best;
}

/** Levenshtein's, one row at a time. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const changed = (row[j - 1] as number) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[to.length] as number;
}
