/** Where the journal of one run goes on disk: a name that no scenario can turn into a path, and what the record says of it. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MeshwrightError } from '../base/errors.ts';
import { JournalFile } from '../journal/file.ts';
import type { ScenarioRecord } from '../spec/run-record.ts';
import type { Plan } from './plan.ts';

const NAME_CHARS_MAX = 60;
/** Runs of one scenario, world and seed that share a folder. */
const SAME_MAX = 1_000;

export interface JournalOutput {
  readonly file: JournalFile;
  /** What the record says; ask when the file has been closed. */
  inRecord(): Pick<ScenarioRecord, 'journalFile' | 'journalCut'>;
}

export interface JournalSubject {
  scenario: string;
  /** The scenario's file; two files may use one name. */
  source: string | null;
  world: string;
  seed: number;
  plan: Plan;
}

/** Makes the file and writes its header. Throws MW_JOURNAL when it cannot. */
export function openJournal(folder: string, subject: JournalSubject): JournalOutput {
  const { scenario, world, seed, plan } = subject;
  const name = freeName(folder, journalName(subject));
  const file = new JournalFile(join(folder, name), {
    seed,
    world,
    scenario,
    configHash: hashOf(planText(plan)),
    engine: engineVersion(),
    instances: plan.mesh.instanceNames,
  });
  return {
    file,
    inRecord: () => ({
      journalFile: name,
      ...(file.cut === null ? {} : { journalCut: file.cut }),
    }),
  };
}

/** Words of the name for people, a hash for names that differ only in what is left out, world and seed. */
export function journalName({ scenario, source, world, seed }: Omit<JournalSubject, 'plan'>): string {
  const words = scenario
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, NAME_CHARS_MAX)
    .replaceAll(/^-+|-+$/g, '');
  const mark = hashOf(`${source ?? ''}\0${scenario}`).slice(0, 8);
  return `${words === '' ? 'scenario' : words}-${mark}-${world}-${seed}.journal.jsonl`;
}

/** A real run that could not tell is made again: each try keeps its journal. */
function freeName(folder: string, name: string): string {
  for (let count = 1; count <= SAME_MAX; count++) {
    const candidate = count === 1 ? name : name.replace(/\.journal\.jsonl$/, `.${count}.journal.jsonl`);
    if (!existsSync(join(folder, candidate))) return candidate;
  }
  throw new MeshwrightError('MW_JOURNAL', `there are ${SAME_MAX} journals of this scenario already`, {
    place: join(folder, name),
    remedy: 'choose another folder',
  });
}

function planText({ mesh, load, controls }: Plan): string {
  const plain = (_key: string, value: unknown): unknown => (value instanceof Set ? [...value] : value);
  return JSON.stringify({ mesh, load, controls }, plain);
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** From package.json, which lies above sim/ in the sources and above dist/ when built. */
function engineVersion(): string {
  const up = import.meta.url.endsWith('.ts') ? '../../' : '../../../';
  const text = readFileSync(new URL(`${up}package.json`, import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
