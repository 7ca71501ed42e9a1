/** The whole sidecar, fuzzed: some hundred seeded stories; `MESHWRIGHT_SIDECAR_ROUNDS` for more. */
import { expect, test } from 'vitest';
import { fuzzSidecar } from './sidecar-fuzz.ts';

const ROUNDS = Number(process.env['MESHWRIGHT_SIDECAR_ROUNDS'] ?? 600);

test('whatever its two sides do, the sidecar changes no octet, lets no call stand still, and nothing is left of any', () => {
  const findings: string[] = [];
  for (let seed = 1; seed <= ROUNDS && findings.length < 3; seed++) {
    const flaw = fuzzSidecar(seed);
    if (flaw !== '') findings.push(`seed ${seed}: ${flaw}`);
  }
  expect(findings).toEqual([]);
});
