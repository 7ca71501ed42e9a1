/**
 * The wire engine's fuzzer: some thousand seeded rounds, and every trace that was ever found. With
 * MESHWRIGHT_FUZZ_SECONDS it runs for so long from a fresh seed and saves what it finds.
 */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Random } from './random.ts';
import { type Trace, fuzzOnce, judgeTrace } from './wire-fuzz.ts';

const TRACES = new URL('./traces/', import.meta.url);
const ROUNDS = 4_000;

describe('wire fuzzer', () => {
  test('seeded rounds find nothing', () => {
    const found: Trace[] = [];
    for (let seed = 1; seed <= ROUNDS && found.length === 0; seed++) {
      const trace = fuzzOnce(seed);
      if (trace !== null) found.push(trace);
    }
    expect(found).toEqual([]);
  });

  test('recorded traces hold, whole and cut', () => {
    const names = readdirSync(TRACES).filter((name) => name.endsWith('.json'));
    for (const name of names) {
      const trace = JSON.parse(readFileSync(new URL(name, TRACES), 'utf8')) as Trace;
      const octets = Buffer.from(trace.hex, 'hex');
      for (let seed = 1; seed <= 20; seed++) {
        expect(judgeTrace(trace.role, octets, new Random(seed)), name).toBe('');
      }
    }
    expect(names.length).toBeGreaterThan(0);
  });

  const seconds = Number(process.env['MESHWRIGHT_FUZZ_SECONDS'] ?? 0);
  if (seconds <= 0) return;
  test('for a given time', { timeout: seconds * 1000 + 60_000 }, () => {
    const first = Date.now() & 0x3fffffff;
    const until = performance.now() + seconds * 1000;
    let findings = 0;
    let rounds = 0;
    mkdirSync(TRACES, { recursive: true });
    for (; performance.now() < until && findings < 10; rounds++) {
      const trace = fuzzOnce(first + rounds);
      if (trace === null) continue;
      findings += 1;
      writeFileSync(new URL(`seed-${first + rounds}.json`, TRACES), `${JSON.stringify(trace, null, 1)}\n`);
      console.log(trace.note);
    }
    console.log(
      `fuzz: ${rounds} rounds, ${Math.round(rounds / seconds)} a second, ${findings} findings, seeds from ${first}`,
    );
    expect(findings).toBe(0);
  });
});
