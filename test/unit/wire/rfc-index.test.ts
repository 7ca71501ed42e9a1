/** The index of requirements is true: each test that it names exists, and no section that demands something is missing. It counts them. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

/** Sections with a MUST or MUST NOT, less those that only explain the words. */
const SECTIONS = {
  '9113':
    '3.2 3.3 3.4 4.1 4.2 4.3 4.3.1 5.1 5.1.1 5.1.2 5.2.1 5.2.2 5.4 5.4.1 5.4.2 5.5 6.1 6.2 6.3 6.4 6.5 6.5.2 6.5.3 ' +
    '6.6 6.7 6.8 6.9 6.9.1 6.9.2 6.9.3 6.10 7 8.1 8.1.1 8.2 8.2.1 8.2.2 8.2.3 8.3 8.3.1 8.3.2 8.4 8.4.1 8.4.2 8.5 ' +
    '8.7 9.1.1 9.2 9.2.1 9.2.2 9.2.3 10.3 10.4 10.5.1 10.6',
  '7541': '2.1 2.3.2 2.3.3 3.2 4.2 5.1 5.2 6.1 6.2.3 6.3 7.1.3',
} as const;
const ROWS_MIN = 201;

interface Row {
  readonly rfc: string;
  readonly sections: readonly string[];
  readonly demand: string;
  readonly test: string;
}

const text = readFileSync(new URL('rfc9113.md', import.meta.url), 'utf8');
const rows = text.split('\n').flatMap((line): Row[] => {
  const match = /^\| (\d{4}) ([\d., ]+) \| ([^|]+) \| ([^|]+) \|$/.exec(line);
  if (match === null) return [];
  const [, rfc, sections, demand, named] = match as unknown as [string, string, string, string, string];
  return [{ rfc, sections: sections.split(', '), demand, test: named }];
});

test('each requirement of the index has its test, or a reason for having none', () => {
  expect(rows.filter((row) => !isHeld(row)).map(({ demand, test: named }) => `${demand}: ${named}`)).toEqual(
    [],
  );
  expect(rows.length).toBeGreaterThanOrEqual(ROWS_MIN);
  expect(new Set(rows.map(({ rfc, sections, demand }) => `${rfc} ${sections} ${demand}`)).size).toBe(
    rows.length,
  );
  // A line that is no row would be lost in silence.
  expect(text.split('\n').filter((line) => line.startsWith('| ')).length).toBe(rows.length + 1);
});

test.each(Object.entries(SECTIONS))(
  'RFC %s: every section that demands something is there',
  (rfc, sections) => {
    const mine = rows.filter((row) => row.rfc === rfc);
    const there = new Set(mine.flatMap((row) => row.sections));
    expect(sections.split(' ').filter((section) => !there.has(section))).toEqual([]);
    const tested = mine.filter((row) => !row.test.startsWith('not: '));
    const besides = mine.length - tested.length;
    const held = tested.filter(isHeld).length;
    console.log(`RFC ${rfc}: ${held} of ${tested.length} covered; ${besides} more are not for a sidecar`);
    expect(held).toBe(tested.length);
  },
);

/** The words stand in a text of the file, behind its opening quote: a test's name or a row's, no comment. */
function isHeld({ test: named }: Row): boolean {
  if (/^not: .{10,}/.test(named)) return true;
  const [file, ...rest] = named.split(': ');
  const words = rest.join(': ');
  if (words.length < 5 || file === undefined || !/^[a-z0-9/-]+(\.test)?\.ts$/.test(file)) return false;
  return sourceOf(file)
    .split('\n')
    .some((line) => line.includes(words) && /['`]/.test(line.slice(0, line.indexOf(words))));
}

const sources = new Map<string, string>();

function sourceOf(file: string): string {
  const known = sources.get(file);
  if (known !== undefined) return known;
  const source = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
  sources.set(file, source);
  return source;
}
