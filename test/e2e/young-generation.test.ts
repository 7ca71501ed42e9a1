/** V8's young generation stays as it is at the start, whatever survives later: an option of V8 that a new one might not know any more. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const MODULE = new URL('../../dist/proxy/host/young-generation.js', import.meta.url).href;
/** Twice 8 MiB that live on at once, and what V8 calls its new space then, before and after. */
const GROW = `
  const { getHeapSpaceStatistics } = await import('node:v8');
  const size = () => getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_size;
  const before = size();
  const alive = [];
  for (let n = 0; n < 400_000; n++) alive.push({ n });
  console.log(JSON.stringify([before, size(), alive.length]));
`;

async function growth(first: string): Promise<{ before: number; after: number }> {
  const program = ['--input-type=module', '-e', `${first}${GROW}`];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, program, { timeout: 30_000 });
  expect(stderr).toBe('');
  const [before, after] = JSON.parse(stdout) as [number, number];
  return { before, after };
}

test('what survives lets it grow, but not once it is kept small', async () => {
  const free = await growth('');
  expect(free.after).toBeGreaterThan(free.before * 4);
  const kept = await growth(`(await import('${MODULE}')).keepYoungGenerationSmall();`);
  // The second half comes with the first collection.
  expect(kept.after).toBeLessThanOrEqual(kept.before * 2);
});
