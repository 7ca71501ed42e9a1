/** The catalogue is in order, its page is what the script writes, and no test or scenario names a rule that is not there. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { coverage, sources } from '../../../scripts/rules.ts';
import { rulesPage } from '../../../scripts/write-rules.ts';
import { RULES } from '../../../sim/rules/index.ts';

const COVERED_MIN = 40;

test('ids are unique, in order within their group, and each rule is one sentence with a source', () => {
  const ids = RULES.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const group of new Set(ids.map((id) => id.slice(0, 2)))) {
    const mine = ids.filter((id) => id.startsWith(group));
    expect(mine).toEqual(mine.map((_, at) => `${group}-${String(at + 1).padStart(2, '0')}`));
  }
  for (const { id, rule, source } of RULES) {
    expect(rule, id).toMatch(/^[A-Zgt][^|]{15,}[^.|]\.$/);
    expect(source.length, id).toBeGreaterThan(5);
  }
});

test('docs/rules.md is what the script writes', () => {
  const page = readFileSync(new URL('../../../docs/rules.md', import.meta.url), 'utf8');
  expect(page, 'run: npm run rules:page').toBe(rulesPage());
});

test('no test and no scenario names an unknown rule, and what was covered stays covered', () => {
  const { files, unknown } = coverage(sources());
  expect(unknown).toEqual([]);
  const covered = [...files.values()].filter((list) => list.length > 0).length;
  console.log(`${covered} of ${RULES.length} rules covered`);
  expect(covered).toBeGreaterThanOrEqual(COVERED_MIN);
});

// Put together here, so that this file does not cover what it only speaks of.
const [FIRST, SECOND, NONE] = ['MS-01', 'MS-02', ['ZZ', '99'].join('-')];

test.each([
  ['at the head of a title', `it('${FIRST}, ${SECOND}: both', () => {`, [FIRST, SECOND]],
  ['in brackets', `test("what it says [${SECOND}]", run);`, [SECOND]],
  ['in a row of a table', `  ['${FIRST}: %s', 503, 14],`, [FIRST]],
  ['not in a comment', `// '${FIRST}: elsewhere'\n * '${FIRST}: elsewhere'`, []],
  ['not in a skipped test', `it.skip('${FIRST}: later', () => {`, []],
  ['not in the middle of a sentence', `it('as ${FIRST} has it', () => {`, []],
])('a test names a rule: %s', (_, text, ids) => {
  const { files, unknown } = coverage(new Map([['test/a.test.ts', text]]));
  expect([...files].filter(([, list]) => list.length > 0).map(([id]) => id)).toEqual(ids);
  expect(unknown).toEqual([]);
});

test('a scenario names its rules in a comment', () => {
  const { files } = coverage(new Map([['scenarios/a.scenario.ts', `/** Rules: ${FIRST}, ${SECOND}. */`]]));
  expect(files.get('MS-01')).toEqual(['scenarios/a.scenario.ts']);
  expect(files.get('MS-02')).toEqual(['scenarios/a.scenario.ts']);
});

test('an id that is not there is told with its file', () => {
  const { unknown } = coverage(new Map([['test/a.test.ts', `it('${NONE}: no such thing')`]]));
  expect(unknown).toEqual([`test/a.test.ts: ${NONE}`]);
});
