/** Runs at once, children that die or run out of memory, throws at every hook: clear words, the right exit code, nothing left. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { CliProcess, fixture } from './cli-process.ts';

const VICTIM = fileURLToPath(new URL('./mesh-fixtures/victim.cjs', import.meta.url));
const RUNS_AT_ONCE = process.env['MESHWRIGHT_TEST_FULL'] === '1' ? 20 : 4;
const folders: string[] = [];

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function start(name: string, env: Record<string, string> = {}): CliProcess {
  const cwd = mkdtempSync(join(tmpdir(), 'meshwright-hard-'));
  folders.push(cwd);
  return new CliProcess(cwd, ['run', fixture(name), '--world', 'real'], { env });
}

async function endOf(cli: CliProcess): Promise<{ code: number | string; text: string }> {
  const code = await cli.ended;
  await cli.expectNothingLeft([]);
  return { code, text: cli.stdout + cli.stderr };
}

test(`${RUNS_AT_ONCE} runs at once do not take each other's ports`, { timeout: 120_000 }, async () => {
  const ends = await Promise.all(Array.from({ length: RUNS_AT_ONCE }, () => endOf(start('steady'))));
  for (const { code, text } of ends) {
    expect(text).not.toMatch(/MW_PORT|EADDRINUSE|in use/);
    // A machine that is too busy to judge by may say so; nothing may be violated or broken.
    expect([0, 2], text).toContain(code);
    if (code === 2) expect(text).toContain('inconclusive');
  }
});

test.each([
  ['proxy/host/main', 'sidecar 0'],
  ['sim/real/instance/worker', 'instance'],
  ['sim/real/load/worker', 'load'],
  ['sim/real/toxiproxy/worker', 'toxiproxy'],
])('%s dies at its start: the run names it with its last words', async (script, name) => {
  const env = { NODE_OPTIONS: `--require ${VICTIM}`, VICTIM: script, VICTIM_WAY: 'dies' };
  const { code, text } = await endOf(start('steady', env));
  expect(text).toContain('MW_PROCESS');
  expect(text).toMatch(new RegExp(`${name}[^\\n]* ended by itself with exit code 7`));
  expect(text).toContain('deliberate end');
  expect(code).toBe(2);
});

test('an instance that runs out of memory is named, with what V8 said', async () => {
  const env = {
    NODE_OPTIONS: `--max-old-space-size=96 --require ${VICTIM}`,
    VICTIM: 'sim/real/instance/worker',
    VICTIM_WAY: 'memory',
  };
  const { code, text } = await endOf(start('long', env));
  expect(text).toMatch(/instance[^\n]* ended by itself by SIGABRT/);
  expect(text).toContain('heap out of memory');
  expect(code).toBe(2);
});

test.each([
  'load of the file',
  'faults',
  'body begins',
  'body in the middle',
  'timer',
  'rejection',
  'check start',
  'check event',
  'check finish',
])('a throw at %s is told, and ends with 2', async (hook) => {
  const cli = start('hooks', { THROW_AT: hook });
  const { code, text } = await endOf(cli);
  expect(text).toContain(`deliberate at ${hook}`);
  expect(code).toBe(2);
});
