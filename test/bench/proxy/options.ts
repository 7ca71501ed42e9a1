/** The flags of the proxy bench. */

export interface BenchOptions {
  rounds: number;
  isQuick: boolean;
  /** Names of sections; empty: all. */
  only: readonly string[];
  /** `--json` alone: one line of rows on standard output instead of tables. */
  isJsonLine: boolean;
  /** `--json FILE`: the figures also to a file. */
  jsonFile: string | null;
}

export const USAGE = `usage: npm run bench:proxy -- [--rounds N] [--only a,b] [--quick] [--json [FILE]]`;
const ROUNDS = 5;
const ROUNDS_MAX = 100;

/** Throws what to print for flags that are not understood. */
export function readOptions(given: readonly string[], sections: readonly string[]): BenchOptions {
  const options: BenchOptions = { rounds: 0, isQuick: false, only: [], isJsonLine: false, jsonFile: null };
  for (let index = 0; index < given.length; index++) {
    const flag = given[index] as string;
    const next = given[index + 1];
    const value = next === undefined || next.startsWith('--') ? null : next;
    if (flag === '--quick') options.isQuick = true;
    else if (flag === '--json' && value === null) options.isJsonLine = true;
    else if (flag === '--json') options.jsonFile = value;
    else if (flag === '--rounds') options.rounds = roundsOf(value);
    else if (flag === '--only') options.only = sectionsOf(value, sections);
    else throw new Error(`unknown flag ${flag}\n${USAGE}`);
    if (flag !== '--quick' && value !== null) index++;
  }
  if (options.rounds === 0) options.rounds = options.isQuick ? 1 : ROUNDS;
  return options;
}

function roundsOf(value: string | null): number {
  const rounds = Number(value ?? Number.NaN);
  if (Number.isInteger(rounds) && rounds >= 1 && rounds <= ROUNDS_MAX) return rounds;
  throw new Error(`--rounds takes a whole number from 1 to ${ROUNDS_MAX}\n${USAGE}`);
}

function sectionsOf(value: string | null, sections: readonly string[]): string[] {
  const names = (value ?? '').split(',').filter((name) => name !== '');
  const wrong = names.find((name) => !sections.includes(name));
  if (names.length > 0 && wrong === undefined) return names;
  throw new Error(`--only takes sections separated by commas: ${sections.join(', ')}\n${USAGE}`);
}
