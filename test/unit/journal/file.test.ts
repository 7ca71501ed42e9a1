/** The journal file: what is written is read back; any damage is named by its offset, and never thrown. */
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
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

test('a name of any characters is told as it is', () => {
  const path = join(folder, 'names.jsonl');
  const names = ['grüßer/"0"\u2028', '\n'];
  const journal = new Journal({ retain: false });
  const file = new JournalFile(path, { ...header, scenario: '../\0 ☃', instances: names });
  journal.onChunk(file.consume);
  journal.write(Kind.attemptSent, 1, 1, 1, 0, -1, 1, 2);
  file.finish(journal.finish());
  const { trouble, header: head } = readJournalFile(path);
  expect([trouble, head?.instances, head?.scenario]).toEqual([null, names, '../\0 ☃']);
  const lines = readFileSync(path, 'latin1').split('\n');
  expect(lines.length).toBe(4);
  expect((JSON.parse(lines[1] as string) as { name: string }).name).toBe(names[0]);
});

test('beyond its cap nothing is written, the hash is over all, and the reader says so', () => {
  const path = join(folder, 'c.jsonl');
  const hash = written(path, 20_000, 2_000_000);
  expect(hash).toBe(written(join(folder, 'whole.jsonl'), 20_000));
  expect(statSync(path).size).toBeLessThanOrEqual(2_000_000);
  const { events, hash: read, trouble } = readJournalFile(path);
  expect(read).toBe(hash);
  expect(events.length).toBeGreaterThan(3_000);
  expect(trouble?.message).toContain(`cap of 2000000 bytes: ${20_000 - events.length} more events`);
});

/** Files of this test that the process holds open; other threads have theirs. */
function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target === '/dev/full' || target.startsWith(folder) ? [target] : [];
    } catch {
      return [];
    }
  });
}

test('a full disk is an error that names path and bytes, and no descriptor stays open', () => {
  for (let round = 0; round < 20; round++) {
    expect(() => written('/dev/full', 1)).toThrow(MeshwrightError);
    expect(() => written('/dev/full', 1)).toThrow(/ENOSPC.*\b0 bytes were written/);
  }
  expect(() => written(join(folder, 'none', 'a.jsonl'), 1)).toThrow(/ENOENT/);
  expect(() => readJournalFile(join(folder, 'none'))).toThrow(MeshwrightError);
  expect(openFiles()).toEqual([]);
});

test('the n-th write fails, for n of 1 to 50: told, closed, all before it can be read', () => {
  for (let failing = 1; failing <= 50; failing++) {
    const path = join(folder, `n${failing}.jsonl`);
    let writes = 0;
    const calls = {
      openSync,
      closeSync,
      // Half of each text at a time: short writes are writes too.
      writeSync: (fd: number, octets: Uint8Array, offset: number): number => {
        if (++writes === failing) throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
        return writeSync(fd, octets, offset, Math.ceil((octets.length - offset) / 2));
      },
    };
    const journal = new Journal({ retain: false });
    let file: JournalFile | null = null;
    const run = (): void => {
      file = new JournalFile(path, header, undefined, calls);
      journal.onChunk(file.consume);
      for (let at = 0; at < 6_500; at++) journal.write(Kind.attemptSent, at, at, 1, 0, -1, 1, 2);
      file.finish(journal.finish());
    };
    expect(run).toThrow(expect.objectContaining({ code: 'MW_JOURNAL', place: path }));
    expect((file as JournalFile | null)?.trouble?.message ?? 'no file').toMatch(
      failing <= 8 ? /no file|bytes were written/ : new RegExp(`no space left; ${statSync(path).size} bytes`),
    );
    const { trouble, hash, events } = readJournalFile(path);
    expect([trouble === null, hash]).toEqual([false, null]);
    events.forEach(({ call }, at) => expect(call).toBe(at));
  }
  expect(openFiles()).toEqual([]);
});
