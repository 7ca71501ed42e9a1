/** `npm run rules`: which rule of the catalogue is covered by which test or scenario, and which by none. Exit code 1 when one names an id that is not there. */
import { readdirSync, readFileSync } from 'node:fs';
import { type Rule, RULES } from '../sim/rules/index.ts';

export interface Coverage {
  /** The files that cover each rule, for every rule of the catalogue. */
  readonly files: ReadonlyMap<string, readonly string[]>;
  /** `file: id` of each id that is not in the catalogue. */
  readonly unknown: readonly string[];
}

export default function printRules(): void {
  const { files, unknown } = coverage(sources());
  const covered = RULES.filter(({ id }) => files.get(id)?.length);
  for (const { id } of covered) console.log(`${id}  ${files.get(id)?.join(', ')}`);
  console.log('\nnot covered yet:');
  for (const { id, rule } of RULES) if (!files.get(id)?.length) console.log(`${id}  ${rule}`);
  for (const line of unknown) console.error(`no such rule: ${line}; sim/rules has all ids`);
  console.log(`\n${covered.length} of ${RULES.length} covered`);
  if (unknown.length > 0) process.exitCode = 1;
}

/** @param texts source text by file name */
export function coverage(texts: ReadonlyMap<string, string>, rules: readonly Rule[] = RULES): Coverage {
  const files = new Map<string, string[]>(rules.map(({ id }) => [id, []]));
  const unknown: string[] = [];
  for (const [file, text] of texts) {
    for (const id of new Set(namedIn(file, text))) {
      const list = files.get(id);
      if (list === undefined) unknown.push(`${file}: ${id}`);
      else list.push(file);
    }
  }
  return { files, unknown };
}

/** All tests and shipped scenarios, by their names within the project. */
export function sources(): Map<string, string> {
  const texts = new Map<string, string>();
  for (const folder of ['test', 'scenarios']) {
    const root = new URL(`../${folder}/`, import.meta.url);
    for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()) {
      if (name.endsWith('.ts')) texts.set(`${folder}/${name}`, readFileSync(new URL(name, root), 'utf8'));
    }
  }
  return texts;
}

const IDS = '[A-Z]{2}-\\d{2}(?:, [A-Z]{2}-\\d{2})*';
/** At the head of a title (`'FO-05: once headers are out'`), or in square brackets anywhere in one. */
const IN_TITLE = new RegExp(`['"\`](${IDS}): |['"\`][^'"\`]*\\[(${IDS})\\]`, 'g');
/** In the comment of a scenario, whose title is for its readers. */
const IN_SCENARIO = new RegExp(`\\bRules: (${IDS})\\.`, 'g');
/** What does not run covers nothing; what a comment says of another test neither. */
const NOT_RUN = /^\s*(\/\/|\/?\*)|\.(skip|todo)\b/;

function namedIn(file: string, text: string): string[] {
  const isScenario = file.startsWith('scenarios/');
  const lines = text.split('\n').filter((line) => isScenario || !NOT_RUN.test(line));
  const pattern = isScenario ? IN_SCENARIO : IN_TITLE;
  return lines.flatMap((line) =>
    [...line.matchAll(pattern)].flatMap((match) => (match[1] ?? match[2] ?? '').split(', ')),
  );
}
