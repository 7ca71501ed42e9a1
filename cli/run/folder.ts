/** The folder of one run: its name holds the time for people and a random part, so that two runs never share one. */
import { mkdirSync, mkdtempSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { MeshwrightError } from '../../sim/base/errors.ts';

/** Makes `.meshwright/runs/<time>-XXXXXX` (mode 0700) below `root` and points `.meshwright/latest` at it. */
export function makeRunFolder(root: string, startedAt: Date): string {
  const home = join(root, '.meshwright');
  try {
    mkdirSync(join(home, 'runs'), { recursive: true, mode: 0o700 });
    ignoreInGit(home);
    const stamp = startedAt.toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-');
    const folder = mkdtempSync(join(home, 'runs', `${stamp}-`));
    pointLatest(home, folder);
    return folder;
  } catch (error) {
    throw new MeshwrightError('MW_JOURNAL', `cannot make the run folder: ${(error as Error).message}`, {
      place: home,
      remedy: 'run the command in a folder that you may write to.',
      cause: error,
    });
  }
}

function ignoreInGit(home: string): void {
  try {
    writeFileSync(join(home, '.gitignore'), '*\n', { flag: 'wx' });
  } catch {
    // It is there already.
  }
}

/** A convenience: where links are not to be had, the run goes on without. */
function pointLatest(home: string, folder: string): void {
  const fresh = join(home, `latest-${basename(folder)}`);
  try {
    symlinkSync(join('runs', basename(folder)), fresh);
    renameSync(fresh, join(home, 'latest'));
  } catch {
    try {
      unlinkSync(fresh);
    } catch {
      // It was never made.
    }
  }
}
