/** What `meshwright run` was asked to do: flags checked, files found. Every misuse is one MW_USAGE error. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { MeshwrightError } from '../../sim/base/errors.ts';

export type WorldName = 'virtual' | 'real';

export interface RunOptions {
  /** Folder the command was started in; files are named relative to it. */
  root: string;
  /** Absolute paths, sorted, each once. */
  files: readonly string[];
  worlds: readonly WorldName[];
  seed: number;
  /** A scenario that has not ended by then (wall clock) is reported as an error, ms. */
  timeoutMs: number;
  /** Additional copies of reports; null where none was asked for. */
  json: string | null;
  junit: string | null;
  html: string | null;
  markdown: string | null;
}

/** Flags as commander gives them. */
export interface RunFlags {
  world?: string;
  seed?: string;
  timeout?: string;
  json?: string;
  junit?: string;
  html?: string;
  markdown?: string;
}

const SEED_MAX = 4_294_967_295;
const TIMEOUT_MS_DEFAULT = 120_000;
const FILES_MAX = 10_000;
const SCENARIO_NAME = /\.scenario\.[cm]?[jt]s$/;

/** Checks flags and arguments. Throws MW_USAGE. */
export function runOptions(arguments_: readonly string[], flags: RunFlags, root: string): RunOptions {
  return {
    root,
    worlds: worldsOf(flags.world ?? 'both'),
    seed: wholeNumber('--seed', flags.seed ?? '1', 0, SEED_MAX),
    timeoutMs:
      flags.timeout === undefined
        ? TIMEOUT_MS_DEFAULT
        : 1e3 * wholeNumber('--timeout', flags.timeout, 1, 86_400),
    files: findFiles(arguments_, root),
    json: outputPath('--json', flags.json, root),
    junit: outputPath('--junit', flags.junit, root),
    html: outputPath('--html', flags.html, root),
    markdown: outputPath('--markdown', flags.markdown, root),
  };
}

function worldsOf(text: string): readonly WorldName[] {
  if (text === 'both') return ['virtual', 'real'];
  if (text === 'virtual' || text === 'real') return [text];
  throw new MeshwrightError('MW_USAGE', `unknown world ${JSON.stringify(text)}`, {
    place: '--world',
    remedy: 'use virtual, real or both.',
  });
}

function wholeNumber(flag: string, text: string, min: number, max: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new MeshwrightError('MW_USAGE', `not a whole number from ${min} to ${max}: ${JSON.stringify(text)}`, {
    place: flag,
    remedy: `give it as in \`${flag} 42\`.`,
  });
}

/** The folder must be there before a run of minutes begins. */
function outputPath(flag: string, text: string | undefined, root: string): string | null {
  if (text === undefined) return null;
  const path = resolve(root, text);
  if (text === '' || (existsSync(path) && statSync(path).isDirectory())) {
    throw new MeshwrightError('MW_USAGE', `not a file name: ${JSON.stringify(text)}`, {
      place: flag,
      remedy: 'give the name of the file to write.',
    });
  }
  if (!existsSync(dirname(path))) {
    throw new MeshwrightError('MW_USAGE', `there is no folder ${dirname(path)} to write to`, {
      place: flag,
      remedy: 'create the folder first.',
    });
  }
  return path;
}

function findFiles(arguments_: readonly string[], root: string): readonly string[] {
  const found = new Set<string>();
  if (arguments_.length === 0) {
    for (const file of scenariosIn(join(root, 'scenarios'))) found.add(file);
    if (found.size === 0) {
      throw new MeshwrightError('MW_USAGE', 'no scenario found', {
        place: join(root, 'scenarios'),
        remedy: 'name the files to run, or put files called *.scenario.ts into the folder scenarios.',
      });
    }
  }
  for (const argument of arguments_) {
    const path = resolve(root, argument);
    if (argument === '' || !existsSync(path)) {
      throw new MeshwrightError('MW_USAGE', `no such file: ${JSON.stringify(argument)}`, {
        place: root,
        remedy: 'check the path; without files, scenarios/**/*.scenario.ts is run.',
      });
    }
    if (!statSync(path).isDirectory()) {
      found.add(path);
      continue;
    }
    const inside = scenariosIn(path);
    if (inside.length === 0) {
      throw new MeshwrightError('MW_USAGE', `no *.scenario.ts in the folder ${JSON.stringify(argument)}`, {
        place: root,
        remedy: 'name a scenario file or a folder that holds some.',
      });
    }
    for (const file of inside) found.add(file);
  }
  return [...found].sort((a, b) => (relative(root, a) < relative(root, b) ? -1 : 1));
}

function scenariosIn(folder: string): string[] {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) return [];
  const entries = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const files = entries.filter(
    (name) => SCENARIO_NAME.test(name) && !/(^|[\\/])node_modules[\\/]/.test(name),
  );
  if (files.length > FILES_MAX) {
    throw new MeshwrightError('MW_USAGE', `more than ${FILES_MAX} scenario files`, { place: folder });
  }
  return files.map((name) => join(folder, name));
}
