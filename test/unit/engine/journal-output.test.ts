/** The journal's file name: whatever a scenario is called, it stays one plain name in the folder, and its own. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { journalName } from '../../../sim/engine/journal-output.ts';
import { runScenario } from '../../../sim/engine/run.ts';
import { scenario } from '../../../sim/engine/scenario.ts';
import { load } from '../../../sim/engine/load.ts';
import { check } from '../../../sim/checks/index.ts';
import { readJournalFile } from '../../../sim/journal/file.ts';

const folder = mkdtempSync(join(tmpdir(), 'journal-output-'));
afterAll(() => rmSync(folder, { recursive: true }));

const HOSTILE = [
  ...['../../etc/passwd', '..', '.', '/', '\\', 'a/b', 'C:\\x', '~', '-rf', '--help', ' ', 'a\0b', 'a\nb'],
  ...['CON', 'con', 'Con', 'NUL', 'aux', 'LPT1', 'x'.repeat(300), 'x'.repeat(301), '☃', 'é', 'e\u0301'],
  ...['ﬁ', 'İ', 'ı', '\u202egnp.exe', '%2e%2e%2f', '$(id)', '`id`', '*', '?', '|', 'a:b', 'trailing.', 'a b'],
];

test('hostile names give plain, short names, all different even where case does not count', () => {
  const names = HOSTILE.map((one) => journalName({ scenario: one, source: 's.ts', world: 'real', seed: 7 }));
  for (const name of names) {
    expect(name).toMatch(/^[a-z0-9][a-z0-9-]*-[0-9a-f]{8}-real-7\.journal\.jsonl$/);
    expect(name.length).toBeLessThan(110);
  }
  expect(new Set(names).size).toBe(HOSTILE.length);
  const one = { scenario: 'a', world: 'real', seed: 7 };
  expect(journalName({ ...one, source: 'x.ts' })).not.toBe(journalName({ ...one, source: 'y.ts' }));
});

test('runs of hostile names: each journal is in the folder, whole, and named by its record', async () => {
  const shown: string[] = [];
  for (const name of ['../../up', 'a\0b', 'CON', 'x'.repeat(120)]) {
    const made = scenario(name, {
      mesh: { services: { greeter: { instances: 2 } }, sidecar: {} },
      load: load.open({ ratePerSecond: 100, forMs: 200 }),
      checks: [check.noLostRequests()],
    });
    for (let again = 0; again < 2; again++) {
      const record = await runScenario(made, { world: 'virtual', seed: 3, folder, file: null });
      expect(record.error).toBeNull();
      shown.push(record.journalFile ?? '');
      const read = readJournalFile(join(folder, record.journalFile ?? ''));
      expect([read.trouble, read.hash, read.events.length]).toEqual([
        null,
        record.journalHash,
        record.journalEvents,
      ]);
      expect(read.header).toMatchObject({ scenario: name, seed: 3, world: 'virtual' });
    }
  }
  expect(readdirSync(folder).sort()).toEqual([...shown].sort());
  expect(new Set(shown).size).toBe(8);
});

test('a journal that cannot be made is an error of the run, never a verdict', async () => {
  const made = scenario('nowhere', {
    mesh: { services: { greeter: { instances: 2 } }, sidecar: {} },
    load: load.open({ ratePerSecond: 100, forMs: 200 }),
    checks: [check.noLostRequests()],
  });
  const record = await runScenario(made, { world: 'virtual', seed: 3, folder: join(folder, 'missing') });
  expect(record).toMatchObject({ outcome: 'error', error: { code: 'MW_JOURNAL' }, verdicts: [] });
});
