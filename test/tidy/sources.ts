/** The project's own TypeScript files and their imports, for the rules about the code. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Source {
  /** Path from the root, with forward slashes. */
  path: string;
  text: string;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** All .ts files below the given folders, sorted by path. */
export function readSources(folders: readonly string[]): Source[] {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
      .sort()
      .map((name) => {
        const path = posix.join(folder, name.replaceAll('\\', '/'));
        return { path, text: readFileSync(join(ROOT, path), 'utf8') };
      }),
  );
}

/** What a file imports: paths from the root for own files, else the package or node: module. */
export function importsOf({ path, text }: Source): { target: string; typeOnly: boolean }[] {
  const code = withoutComments(text);
  const pattern =
    /\b(import|export)\s+(type\s+)?(?:[\w*${}\s,]*?\bfrom\s*)?'([^'\n]+)'|\bimport\(\s*'([^'\n]+)'\s*\)/g;
  return [...code.matchAll(pattern)].map((match) => {
    const name = (match[3] ?? match[4]) as string;
    const target = name.startsWith('.') ? posix.normalize(posix.join(posix.dirname(path), name)) : name;
    return { target, typeOnly: match[2] !== undefined };
  });
}

/** Comments blanked out; strings stay, because imports are strings. */
export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, ' ').replace(/(^|\s)\/\/.*$/gm, '$1');
}
