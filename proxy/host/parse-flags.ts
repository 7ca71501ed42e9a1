/** Reads the flags of the direct process entry. */
import { SIDECAR_FLAGS } from './flags.ts';
import type { RawOptions } from './flags.ts';

/** By name; null after a usage error, which is told on standard error, with exit code 2 set. */
export function parseFlags(argv: readonly string[]): RawOptions | null {
  const flags: Record<string, string | boolean> = {};
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index] as string;
    const [, name, inline] = /^--([a-z-]+)(?:=(.*))?$/s.exec(argument) ?? [];
    const flag = SIDECAR_FLAGS.find((known) => known.name === name);
    if (flag === undefined) return fail(`there is no flag ${JSON.stringify(argument)}`, known());
    if (flag.value === null) {
      if (inline !== undefined) return fail(`--${flag.name} takes no value`, `write --${flag.name}`);
      flags[flag.name] = true;
      continue;
    }
    const next = argv[index + 1];
    const before = flag.repeatable === true && flag.name in flags ? `${flags[flag.name]},` : '';
    if (inline !== undefined) flags[flag.name] = before + inline;
    else if (next !== undefined && !next.startsWith('--')) {
      flags[flag.name] = before + next;
      index++;
    } else if (flag.value.startsWith('[')) flags[flag.name] = true;
    else return fail(`--${flag.name} needs a value`, `write --${flag.name} ${flag.value}`);
  }
  return flags;
}

function known(): string {
  return `known flags: ${SIDECAR_FLAGS.map((flag) => `--${flag.name}`).join(' ')}`;
}

function fail(message: string, remedy: string): null {
  process.stderr.write(`MW_USAGE: ${message}. Fix: ${remedy}\n`);
  process.exitCode = 2;
  return null;
}
