/** The watched endpoint file: of changes in quick succession the last is always seen, without waiting for the next reading. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { EndpointFile } from '../../../proxy/discovery/endpoint-file.ts';

const NEVER_MS = 3_600_000;
const folder = mkdtempSync(join(tmpdir(), 'meshwright-watch-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('50 times two changes a few milliseconds apart: both are seen, the removal too', async () => {
  const path = join(folder, 'endpoints.json');
  const write = (ids: readonly string[]): void => {
    const endpoints = ids.map((id, index) => ({ id, address: `127.0.0.1:${index + 1}` }));
    writeFileSync(`${path}.next`, JSON.stringify({ endpoints }));
    renameSync(`${path}.next`, path);
  };
  write(['a', 'b']);
  const seen: string[] = [];
  let heard: () => void = () => {};
  const file = new EndpointFile(
    path,
    {
      onEndpoints: (endpoints) => {
        seen.push(endpoints.map(({ id }) => id).join());
        heard();
      },
      onTrouble: (trouble) => seen.push(String(trouble)),
    },
    NEVER_MS,
  );
  const until = (count: number): Promise<void> =>
    new Promise((resolve) => {
      heard = () => seen.length >= count && resolve();
      heard();
    });
  file.watch();
  for (let round = 0; round < 50; round++) {
    seen.length = 0;
    write(['a']);
    await until(1);
    await sleep(round % 5);
    write(['a', 'b']);
    await until(2);
    expect(seen).toEqual(['a', 'a,b']);
  }
  file.close();
});
