/** Every row of the table of attacks that can go over sockets, against a sidecar process; the innocent call goes on beside. */
import { describe, expect, test } from 'vitest';
import { runOverSockets, whyNotOverSockets } from '../attacks/process-run.ts';
import { ROWS } from '../attacks/rows.ts';

const OVER_SOCKETS = ROWS.filter((row) => whyNotOverSockets(row) === '');

describe('attacks on a process', { timeout: 30_000 }, () => {
  test.concurrent.each(OVER_SOCKETS.map((row) => [`${row.n} ${row.role}: ${row.name}`, row] as const))(
    '%s',
    async (_, row) => {
      expect((await runOverSockets(row)).complaints).toEqual([]);
    },
  );

  test('rows that only the arm in memory has say why', () => {
    for (const row of ROWS) {
      const why = whyNotOverSockets(row);
      if (why !== '') console.log(`skipped: ${row.n} ${row.role}: ${row.name}: ${why}`);
    }
    expect(OVER_SOCKETS.length).toBeGreaterThan(190);
  });
});
