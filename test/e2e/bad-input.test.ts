/** Misuse of `meshwright run`: each ends with 2 and one clear line that names the place. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FIXTURES, meshwright } from './run-helper.ts';

const cwd = mkdtempSync(join(tmpdir(), 'meshwright-bad-'));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));
const holds = join(FIXTURES, 'holds.scenario.ts');

describe('flags', () => {
  it.each([
    [['run'], 'no scenario found'],
    [['run', 'nowhere.scenario.ts'], 'no such file: "nowhere.scenario.ts"'],
    [['run', holds, '--seed', 'x'], 'not a whole number from 0 to 4294967295: "x"'],
    [['run', holds, '--seed', '1.5'], 'not a whole number'],
    [['run', holds, '--seed', '-1'], 'not a whole number'],
    [['run', holds, '--world', 'moon'], 'unknown world "moon"'],
    [['run', holds, '--json', 'no/such/folder/a.json'], 'there is no folder'],
    [['run', holds, '--nonsense'], "unknown option '--nonsense'"],
    [['nonsense'], 'unknown command "nonsense"'],
  ])('%j says %s', async (arguments_, message) => {
    const ended = await meshwright(cwd, arguments_);
    expect(ended.stderr).toContain(message);
    expect(ended.code).toBe(2);
    expect(ended.stderr.trim().split('\n').length).toBeLessThanOrEqual(2);
    expect(ended.stderr).not.toMatch(/^\s+at /m);
  });
});

describe('files', () => {
  it.each([
    ['throws', null, 'throws.scenario.ts:4: MW_SCENARIO: throws: RangeError: it is no good'],
    ['empty', null, 'empty.scenario.ts: MW_SCENARIO: holds no scenario'],
    ['broken', 'const a = {\n\n  b: 3 4\n', 'broken.scenario.ts:3: MW_SCENARIO: does not compile: Expected'],
    [
      'lost',
      "import './nowhere.ts';\n",
      "lost.scenario.ts:1: MW_SCENARIO: does not load: Cannot find module './nowhere.ts'",
    ],
  ])('%s', async (name, text, message) => {
    const folder = text === null ? FIXTURES : cwd;
    const file = join(folder, `${name}.scenario.ts`);
    if (text !== null) writeFileSync(file, text);
    const ended = await meshwright(cwd, ['run', file]);
    expect(ended.stdout).toContain(message);
    expect(ended.code).toBe(2);
    expect(ended.stdout).not.toMatch(/^\s+at /m);
  });

  it('a thread in an endless loop is given up', async () => {
    const file = join(cwd, 'loop.scenario.ts');
    writeFileSync(file, 'for (;;);\n');
    const ended = await meshwright(cwd, ['run', file, '--timeout', '1']);
    expect(ended.stdout).toContain('did not load within');
    expect(ended.code).toBe(2);
  });
});
