/** Differential fuzzing against node:http2: some hundred seeded cases; each entry of the list of differences is in use. */
import { expect, test } from 'vitest';
import { ALLOWED, allowedBy, makeCase, ourVerdict, theirVerdict } from './differential.ts';
import { Random } from './random.ts';

const ROUNDS = Number(process.env['MESHWRIGHT_DIFFERENTIAL_ROUNDS'] ?? 1_500);

test('node:http2 comes to the same verdicts, but for the listed differences', async () => {
  const findings: string[] = [];
  const used = new Set<unknown>();
  let agreed = 0;
  for (let seed = 1; seed <= ROUNDS && findings.length < 40; seed++) {
    const made = makeCase(new Random(seed));
    const ours = ourVerdict(made.octets);
    const theirs = await theirVerdict(made.octets);
    if (ours === theirs) agreed += 1;
    else {
      const allowed = allowedBy(made, ours, theirs);
      used.add(allowed);
      if (allowed !== null) continue;
      findings.push(`seed ${seed}: ours ${ours}, theirs ${theirs}: ${made.words.join(' | ')}`);
    }
  }
  expect(findings).toEqual([]);
  expect(ALLOWED.filter((each) => !used.has(each)).map(({ why }) => why)).toEqual([]);
  expect(agreed).toBeGreaterThan(ROUNDS / 2);
});
