/** The index of requirements is true: each test that it names exists. It counts them, so that none gets lost. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const ROWS_MIN = 55;

test('each requirement of the index has its test', () => {
  const text = readFileSync(new URL('rfc9113.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| (\d{4}[^|]*) \| ([^|]+) \| ([^|:]+): ([^|]+) \|$/gm)];
  const missing = rows.filter(([, , , file, words]) => {
    const source = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
    return !source.includes((words as string).trim());
  });
  expect(missing.map(([row]) => row)).toEqual([]);
  expect(rows.length).toBeGreaterThanOrEqual(ROWS_MIN);
  expect(new Set(rows.map(([, section, demand]) => `${section} ${demand}`)).size).toBe(rows.length);
});
