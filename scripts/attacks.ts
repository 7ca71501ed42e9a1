/** `npm run attacks`: the table of attacks in memory and over sockets; prints it, writes docs/attacks.md, ends with 1 on a complaint. */
import { writeFileSync } from 'node:fs';
import { type Entry, attacksPage } from '../test/attacks/page.ts';
import { runOverSockets, whyNotOverSockets } from '../test/attacks/process-run.ts';
import { ROWS } from '../test/attacks/rows.ts';
import { runRow } from '../test/attacks/run-row.ts';

const AT_ONCE = 4;

export default async function attacks(): Promise<void> {
  const entries: Entry[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < ROWS.length; index = next++) {
      const row = ROWS[index] as (typeof ROWS)[number];
      const why = whyNotOverSockets(row);
      entries[index] = [row, runRow(row), why === '' ? await runOverSockets(row) : why];
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const page = attacksPage(entries);
  writeFileSync(new URL('../docs/attacks.md', import.meta.url), page);
  process.stdout.write(page);
  const complaints = entries.flatMap(([row, inMemory, outcome]) =>
    [...inMemory.complaints, ...(typeof outcome === 'string' ? [] : outcome.complaints)].map(
      (text) => `${row.n} ${row.role} ${row.name}: ${text}`,
    ),
  );
  for (const complaint of complaints) process.stderr.write(`${complaint}\n`);
  process.exitCode = complaints.length === 0 ? 0 : 1;
}
