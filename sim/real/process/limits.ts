/** What a run needs of the machine, computed before anything starts. */
import { readFileSync } from 'node:fs';
import { MeshwrightError } from '../../base/errors.ts';

/** Descriptors that a Node process needs for itself, with room. */
const BASE_DESCRIPTORS = 40;

/** Throws MW_PROCESS when `ulimit -n` is too low for so many instances and sidecars. */
export function checkDescriptors(instances: number, sidecars: number): void {
  const limit = readLimit();
  const needed = descriptorsNeeded(instances, sidecars);
  if (limit >= needed) return;
  throw new MeshwrightError(
    'MW_PROCESS',
    `the run needs ${needed} open files per process, the limit is ${limit}`,
    {
      place: 'ulimit -n',
      remedy: `run \`ulimit -n ${needed}\` first, or use fewer instances`,
    },
  );
}

/** The fullest process is Toxiproxy: per instance a listener, and two sockets for each sidecar and for the load. */
export function descriptorsNeeded(instances: number, sidecars: number): number {
  return BASE_DESCRIPTORS + instances * (1 + 2 * (sidecars + 1));
}

/** The soft limit; a huge number where the system does not tell. */
function readLimit(): number {
  try {
    const line = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    return line === null || line[1] === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(line[1]);
  } catch {
    return Number.MAX_SAFE_INTEGER;
  }
}
