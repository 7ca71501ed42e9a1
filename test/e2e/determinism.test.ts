/** The same seed gives the same journal in any process, whatever its time zone, language and working folder; another seed another. */
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('./fixtures/hash.mjs', import.meta.url));

interface Told {
  journalHash: string;
  journalEvents: number;
  retries: number;
  error: unknown;
  /** Hour of the epoch on the process's own clock: shows that its time zone took effect. */
  offset: number;
}

function hashOf(seed: number, env: Record<string, string> = {}, cwd = process.cwd()): Promise<Told> {
  const child = spawn(process.execPath, [SCRIPT, String(seed)], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 30_000,
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  return new Promise((resolve, reject) => {
    child.once('close', (code, signal) => {
      if (code === 0) resolve(JSON.parse(stdout) as Told);
      else reject(new Error(`hash.mjs ended with ${signal ?? code}`));
    });
  });
}

test('the same seed gives the same journal in Kathmandu and in Turkish', async () => {
  const elsewhere = { TZ: 'Asia/Kathmandu', LC_ALL: 'tr_TR.UTF-8', LANG: 'tr_TR.UTF-8' };
  const here = await hashOf(20_240_613, { TZ: 'UTC' });
  const there = await hashOf(20_240_613, elsewhere, tmpdir());
  const other = await hashOf(20_240_614, { TZ: 'UTC' });
  expect(here.error).toBeNull();
  expect(here.journalHash).toMatch(/^[0-9a-f]{32}$/);
  expect(here.journalEvents).toBeGreaterThan(30_000);
  expect(here.retries).toBeGreaterThan(50);
  expect(there.offset).not.toBe(here.offset);
  expect({ ...there, offset: here.offset }).toEqual(here);
  expect(other.error).toBeNull();
  expect(other.journalHash).not.toBe(here.journalHash);
});
