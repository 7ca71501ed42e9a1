/** V8's young generation grows up to its bound and no more, whatever survives: by an option of V8 that a new one might not know any more. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { YOUNG_BYTES } from '../../proxy/host/young-generation.ts';

const MODULE = new URL('../../dist/proxy/host/young-generation.js', import.meta.url).href;
/** Objects that all live on, made in as many turns, and what V8 calls its new space then. */
const GROW = `
  const { getHeapSpaceStatistics } = await import('node:v8');
  const { setImmediate } = await import('node:timers/promises');
  const alive = [];
  for (let turn = 0; turn < 100; turn++) {
    for (let n = 0; n < 10_000; n++) alive.push({ n });
    await setImmediate();
  }
  const { space_size } = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space');
  console.log(JSON.stringify([space_size, alive.length]));
`;

async function grownBytes(first: string): Promise<number> {
  const program = ['--input-type=module', '-e', `${first}${GROW}`];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, program, { timeout: 30_000 });
  expect(stderr).toBe('');
  return (JSON.parse(stdout) as [number, number])[0];
}

test('what survives lets it grow, up to the bound', async () => {
  expect(await grownBytes('')).toBeGreaterThan(YOUNG_BYTES);
  expect(await grownBytes(`(await import('${MODULE}')).boundYoungGeneration();`)).toBe(YOUNG_BYTES);
});
