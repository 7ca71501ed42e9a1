/** Where the bench's programs are: this checkout, scripts/peers' folder, the system. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** Where scripts/peers puts what the system's packages do not have. */
const PEERS = join(ROOT, '.meshwright/peers');
export const HINT = 'missing: install it with scripts/peers';

/** The path of a program: from scripts/peers' folder, else from PATH, the system's and Go's folders; null when there is none. */
export function findProgram(name: string): string | null {
  const path = (process.env.PATH ?? '').split(':');
  const folders = [PEERS, ...path, '/usr/sbin', '/usr/local/sbin', join(homedir(), 'go/bin')];
  for (const folder of folders) {
    const file = join(folder, name);
    if (folder === '' || !existsSync(file)) continue;
    if (spawnSync(file, ['--version'], { timeout: 10_000 }).error === undefined) return file;
  }
  return null;
}
