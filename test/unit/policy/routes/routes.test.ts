/** Routes without a machine: what fits, what a path may be, who gets a share, what is rewritten. */
import { describe, expect, it, test } from 'vitest';
import type { MatchConfig } from '../../../../proxy/policy/routes/config.ts';
import { methodStart } from '../../../../proxy/policy/routes/method-path.ts';
import { pattern } from '../../../../proxy/policy/routes/pattern.ts';
import { markMirror, rewrite } from '../../../../proxy/policy/routes/rewrite.ts';
import { RouteTable } from '../../../../proxy/policy/routes/route-table.ts';
import { Split } from '../../../../proxy/policy/routes/split.ts';
import { Random } from '../../../../sim/base/random.ts';

const facts = (path: string, headers: Record<string, string> = {}) => ({
  path,
  get: (name: string) => headers[name],
});
const find = (matches: MatchConfig[], path: string, headers: Record<string, string> = {}) =>
  new RouteTable(matches).find(facts(path, headers));

test.each<[string, string | undefined, boolean]>([
  ['abc', 'abc', true],
  ['abc', 'abcd', false],
  ['abc', undefined, false],
  ['abc*', 'abcd', true],
  ['abc*', 'abc', true],
  ['abc*', 'ab', false],
  ['abc*', undefined, false],
  ['*abc', 'xabc', true],
  ['*abc', 'abcx', false],
  ['*abc', undefined, false],
  ['*', '', true],
  ['*', undefined, false],
  ['', '', true],
])('the pattern %s and %s: %s', (text, other, fits) => {
  expect(pattern(text).fits(other)).toBe(fits);
});

test.each<[string, number]>([
  ['/a.B/C', 5],
  ['/a/b', 3],
  ['/a', -1],
  ['/', -1],
  ['', -1],
  ['a.B/C', -1],
  ['*', -1],
  ['//C', -1],
  ['/a.B/', -1],
  ['/a.B/C/D', -1],
  ['/a.B/%43', -1],
  ['/a.B/C?x', -1],
  ['/a.B/C#x', -1],
  ['/a.B/C D', -1],
  ['/a.B/Ü', -1],
  ['/a.B/C\u007f', -1],
])('SE-09: of the path %s the method begins at %i', (path, start) => {
  expect(methodStart(path)).toBe(start);
});

describe('the first route that fits', () => {
  it('by service, by method, by both', () => {
    const matches = [{ service: 'a.B', method: 'Get*' }, { service: 'a.*' }, { method: 'List' }];
    expect(find(matches, '/a.B/GetIt')).toBe(0);
    expect(find(matches, '/a.B/Put')).toBe(1);
    expect(find(matches, '/a.C/GetIt')).toBe(1);
    expect(find(matches, '/b.B/List')).toBe(2);
    expect(find(matches, '/b.B/GetIt')).toBe(-1);
    expect(find([{}], '/b.B/../a.B/GetIt')).toBe(-1);
    expect(find([{}], '/any/thing')).toBe(0);
  });

  it('whatever names a service, and in which order', () => {
    const matches = [
      { service: 'a.A', method: 'X' },
      { service: '*.A' },
      { service: 'a.A' },
      { service: 'b.B' },
      {},
    ];
    expect(find(matches, '/a.A/X')).toBe(0);
    expect(find(matches, '/a.A/Y')).toBe(1);
    expect(find(matches, '/b.B/Y')).toBe(3);
    expect(find(matches, '/c.A/Y')).toBe(1);
    expect(find(matches, '/c.C/Y')).toBe(4);
    expect(find([matches[3] as MatchConfig, { service: 'b.B' }], '/b.B/Y')).toBe(0);
    expect(find([{ service: 'a.A', method: 'X' }], '/a.A/Y')).toBe(-1);
  });

  it('by authority: in any case, the port only when it is named', () => {
    const matches = [{ authority: 'Users.example:8443' }, { authority: '*.Example' }, { authority: 'a:*' }];
    const of = (authority: string) => find(matches, '/a/b', { ':authority': authority });
    expect(of('users.EXAMPLE:8443')).toBe(0);
    expect(of('users.example')).toBe(1);
    expect(of('users.example:1')).toBe(1);
    expect(of('a:77')).toBe(2);
    expect(of('a')).toBe(-1);
    expect(find([{ authority: 'x' }], '/a/b')).toBe(-1);
    expect(find([{ authority: '*' }], '/a/b')).toBe(0);
  });

  it('by headers, all of them', () => {
    const matches = [{ headers: { 'x-user': 'eva', 'x-canary': '*' } }];
    expect(find(matches, '/a/b', { 'x-user': 'eva', 'x-canary': '1' })).toBe(0);
    expect(find(matches, '/a/b', { 'x-user': 'eva' })).toBe(-1);
    expect(find(matches, '/a/b', { 'x-user': 'ada', 'x-canary': '1' })).toBe(-1);
  });
});

test('a split gives each its share, and nothing to a weight of 0', () => {
  const random = new Random(5);
  const split = new Split([90, 0, 10]);
  const counts = [0, 0, 0];
  const draws = 100_000;
  for (let draw = 0; draw < draws; draw++) {
    const index = split.pick(random.nextUnit());
    counts[index] = (counts[index] as number) + 1;
  }
  expect(counts[1]).toBe(0);
  // Five standard deviations: once in two million runs by chance.
  expect(Math.abs((counts[0] as number) - 0.9 * draws)).toBeLessThan(5 * Math.sqrt(draws * 0.9 * 0.1));
  expect(new Split([0, 1]).pick(0)).toBe(1);
});

const field = (name: string, value: string, neverIndexed = false) => ({ name, value, neverIndexed });
const REQUEST = [
  field(':path', '/a.B/C'),
  field(':authority', 'mesh:80'),
  field('x-key', '1'),
  field('x-key', '2'),
  field('token', 'secret', true),
];

test('rewrite: service, method, authority; headers set and removed; what stays, stays as it was', () => {
  expect(rewrite(REQUEST, { service: 'd.E', set: { 'x-key': '3', 'x-new': 'n' }, remove: ['none'] })).toEqual(
    [
      field(':path', '/d.E/C'),
      field(':authority', 'mesh:80'),
      field('token', 'secret', true),
      field('x-key', '3'),
      field('x-new', 'n'),
    ],
  );
  expect(rewrite(REQUEST, { add: { 'x-key': '4' } }).slice(2)).toEqual([
    ...REQUEST.slice(2),
    field('x-key', '4'),
  ]);
  expect(rewrite(REQUEST, { method: 'F', authority: 'other', remove: ['x-key', 'token'] })).toEqual([
    field(':path', '/a.B/F'),
    field(':authority', 'other'),
  ]);
});

test('a copy says that it is one', () => {
  const [path, authority, ...rest] = markMirror([...REQUEST, field('x-meshwright-mirror', 'forged')]);
  expect([path, authority]).toEqual([field(':path', '/a.B/C'), field(':authority', 'mesh-shadow:80')]);
  expect(rest.slice(3)).toEqual([field('x-meshwright-mirror', 'true')]);
  expect(markMirror([field(':authority', 'mesh')])[0]?.value).toBe('mesh-shadow');
});
