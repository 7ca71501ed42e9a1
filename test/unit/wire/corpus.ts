/** Where the public corpora of HPACK stories and HTTP/2 frames lie: named by a variable, or fetched by `npm run corpora`. Never committed. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'vitest';

export interface Corpus {
  readonly name: 'hpack' | 'frames';
  /** Environment variable with its folder. */
  readonly variable: string;
  readonly source: string;
  readonly commit: string;
}

export const HPACK_CORPUS: Corpus = {
  name: 'hpack',
  variable: 'MESHWRIGHT_HPACK_CORPUS',
  source: 'https://github.com/http2jp/hpack-test-case',
  commit: '8a1406e7d14bfcb6c046021f13cc15cfb162726d',
};
export const FRAME_CORPUS: Corpus = {
  name: 'frames',
  variable: 'MESHWRIGHT_FRAME_CORPUS',
  source: 'https://github.com/http2jp/http2-frame-test-case',
  commit: '5c67db0d4d68e1fb7d3a241d6e01fc04d981f465',
};

/** Where it is, or would be after `npm run corpora`. */
export function folderOf(corpus: Corpus): string {
  const named = process.env[corpus.variable];
  if (named !== undefined && named !== '') return named;
  return fileURLToPath(new URL(`../../../.meshwright/corpora/${corpus.name}`, import.meta.url));
}

/** The folder; skips the test, with the reason printed, where there is none that was not asked for by name. */
export function needCorpus(corpus: Corpus, context: TestContext): string {
  const folder = folderOf(corpus);
  if (existsSync(folder)) return folder;
  if (process.env[corpus.variable] !== undefined) throw new Error(`${corpus.variable}: no folder ${folder}`);
  const reason = `skipped: the ${corpus.name} corpus is not here; \`npm run corpora\` fetches it, or ${corpus.variable} names its folder`;
  console.log(reason);
  return context.skip(reason);
}

/** The JSON files of a corpus, as `folder/file` in a fixed order; hidden folders are left out. */
export function jsonFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .flatMap(({ name }) => readdirSync(join(folder, name)).map((file) => `${name}/${file}`))
    .filter((file) => file.endsWith('.json'))
    .sort();
}

export function readJson(folder: string, file: string): unknown {
  return JSON.parse(readFileSync(join(folder, file), 'utf8'));
}
