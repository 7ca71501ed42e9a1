// Decodes the public corpora of HPACK stories and HTTP/2 frames with our engine and prints what passed: `npm run corpora`
// fetches them by git into .meshwright/corpora (never committed); folders named by `--hpack FOLDER` and `--frames FOLDER` are used as they are.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { startVitest } from 'vitest/node';
import { type Corpus, FRAME_CORPUS, HPACK_CORPUS, folderOf } from '../test/unit/wire/corpus.ts';

const GIT_MS_MAX = 120_000;

export default async function corpora(): Promise<void> {
  for (const corpus of [HPACK_CORPUS, FRAME_CORPUS]) {
    const at = process.argv.indexOf(`--${corpus.name}`);
    const named = at < 0 ? undefined : process.argv[at + 1];
    if (at >= 0 && (named === undefined || !existsSync(named))) {
      console.error(
        `corpora: --${corpus.name} needs a folder that exists, with the files of ${corpus.source}`,
      );
      process.exitCode = 2;
      return;
    }
    if (named !== undefined) process.env[corpus.variable] = resolve(named);
    else if (!existsSync(folderOf(corpus)) && !fetchCorpus(corpus)) {
      console.error(
        `corpora: ${corpus.source} could not be fetched; with a copy of it: npm run corpora -- --${corpus.name} FOLDER`,
      );
    }
  }
  const vitest = await startVitest('test', ['test/unit/wire/hpack-corpus', 'test/unit/wire/frame-corpus'], {
    watch: false,
  });
  await vitest.close();
}

/** Fetches the one commit that is known, first beside its place, so that half a copy is never taken for one. */
function fetchCorpus(corpus: Corpus): boolean {
  const folder = folderOf(corpus);
  const part = `${folder}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  const fetched = [
    ['init', '--quiet'],
    ['fetch', '--quiet', '--depth', '1', corpus.source, corpus.commit],
    ['checkout', '--quiet', corpus.commit],
  ].every(
    (parts) =>
      spawnSync('git', ['-C', part, ...parts], { stdio: 'inherit', timeout: GIT_MS_MAX }).status === 0,
  );
  if (fetched) renameSync(part, folder);
  else rmSync(part, { recursive: true, force: true });
  return fetched;
}
