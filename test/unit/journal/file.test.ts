/** The journal file: what is written is read back; any damage is named by its offset, and never thrown. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { MeshwrightError } from '../../../sim/base/errors.ts';
import { Kind } from '../../../sim/journal/events.ts';
import { JournalFile, parseJournal, readJournalFile } from '../../../sim/journal/file.ts';
import { Journal } from '../../../sim/journal/journal.ts';

const folder = mkdtempSync(join(tmpdir(), 'journal-'));
afterAll(() => rmSync(folder, { recursive: true }));
const header = {
  seed: 1,
  world: 'virtual',
  scenario: 's',
  configHash: 'c',
  engine: '0',
  instances: ['greeter/0'],
};

function written(path: string, events: number, bytesMax?: number): string {
  const journal = new Journal({ retain: false });
  const file = new JournalFile(path, header, bytesMax);
  journal.onChunk(file.consume);
  for (let at = 0; at < events; at++) journal.write(Kind.attemptSent, 5e9 + at, at, 1, 0, -1, 1, 2);
  const hash = journal.finish();
  file.finish(hash);
  return hash;
}

test('what is written is read back', () => {
  const path = join(folder, 'a.jsonl');
  const hash = written(path, 4_000);
  const { events, trouble, hash: read, header: head } = readJournalFile(path);
  expect([trouble, read, events.length, head?.instances]).toEqual([null, hash, 4_000, ['greeter/0']]);
  expect(events[3]).toMatchObject({
    seq: 3,
    kind: Kind.attemptSent,
    tNs: 5e9 + 3,
    call: 3,
    sidecar: 2,
    instance: 0,
  });
});

test('cut at every byte, and with any bit flipped: named, not thrown, all before it kept', () => {
  const path = join(folder, 'b.jsonl');
  written(path, 10);
  const whole = readFileSync(path);
  for (let length = 0; length < whole.length; length++) {
    const { trouble, events } = parseJournal(whole.subarray(0, length));
    const lines = whole.subarray(0, length).toString().split('\n').length - 1;
    expect(trouble).not.toBeNull();
    expect(events.length).toBe(Math.max(0, Math.min(10, lines - 1)));
  }
  for (let at = 0; at < whole.length; at += 3) {
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
    const { trouble } = parseJournal(damaged);
    expect(trouble?.offset).toBeLessThanOrEqual(at);
  }
});

test('a full disk and a byte cap are errors that name path and bytes', () => {
  for (const make of [() => written('/dev/full', 1), () => written(join(folder, 'c.jsonl'), 5_000, 10_000)]) {
    expect(make).toThrow(MeshwrightError);
    expect(make).toThrow(/\d+ bytes were written/);
  }
  expect(() => readJournalFile(join(folder, 'none'))).toThrow(MeshwrightError);
});
