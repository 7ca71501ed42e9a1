/** The arithmetic and the verdicts of the proxy bench: a figure that was not measured never passes. */
import { describe, expect, it } from 'vitest';
import type { Figure } from '../../bench/proxy/figures.ts';
import {
  figureOf,
  geometricMean,
  median,
  missingFigure,
  passed,
  quantile,
  rowOf,
} from '../../bench/proxy/figures.ts';
import { readOptions } from '../../bench/proxy/options.ts';
import { reached } from '../../bench/table.ts';

const ATMOST = { bound: 0.5, side: 'at most', of: 'ratio' } as const;

describe('figures', () => {
  it('have the median, the spread and the number of their rounds', () => {
    expect(figureOf('x', 'µs', [3, 1, 2])).toMatchObject({ value: 2, spread: [1, 3], note: '3 rounds' });
    expect(figureOf('x', 'µs', [3])).toMatchObject({ value: 3, spread: null, note: '' });
    expect(median([1, 2, 3, 10])).toBe(2.5);
    expect(median([])).toBeNaN();
    expect(quantile([0, 10], 0.999)).toBeCloseTo(9.99);
    expect(geometricMean([1, 100])).toBeCloseTo(10);
  });

  it.each<[value: number, anchor: number, goal: Figure['goal'], verdict: boolean | null]>([
    [5, 10, ATMOST, true],
    [5.1, 10, ATMOST, false],
    [20, 10, { bound: 2, side: 'at least', of: 'ratio' }, true],
    [19, 10, { bound: 2, side: 'at least', of: 'ratio' }, false],
    [150, 1, { bound: 150, side: 'at most', of: 'value' }, true],
    [151, 1, { bound: 150, side: 'at most', of: 'value' }, false],
    [5, Number.NaN, ATMOST, false],
    [5, 10, null, null],
  ])('%d beside %d', (value, anchor, goal, verdict) => {
    const figure = { ...figureOf('x', 'µs', [value]), anchor: { name: 'peer', value: anchor }, goal };
    expect(passed(figure)).toBe(verdict);
    expect(reached(rowOf(figure))).toBe(verdict);
  });

  it('that are missing do not pass', () => {
    expect(passed(missingFigure('x', 'µs', 'no peer', ATMOST))).toBe(false);
    expect(reached(rowOf(missingFigure('x', 'µs', 'no peer', ATMOST)))).toBe(false);
    expect(passed(missingFigure('x', 'µs', 'no peer'))).toBeNull();
  });
});

describe('flags', () => {
  const sections = ['cost', 'memory'];

  it('are read', () => {
    const given = ['--quick', '--only', 'cost,memory', '--json', 'f.json', '--rounds', '3'];
    expect(readOptions(given, sections)).toEqual({
      rounds: 3,
      isQuick: true,
      only: sections,
      isJsonLine: false,
      jsonFile: 'f.json',
    });
    expect(readOptions([], sections)).toMatchObject({ rounds: 5, only: [], isJsonLine: false });
    expect(readOptions(['--json', '--quick'], sections)).toMatchObject({ rounds: 1, isJsonLine: true });
  });

  it.each([
    [['--rounds', '0']],
    [['--rounds']],
    [['--only', 'x']],
    [['--only']],
    [['--fast']],
    [['--quick', 'cost']],
  ])('%j is refused', (given) => {
    expect(() => readOptions(given, sections)).toThrow('usage: npm run bench:proxy');
  });
});
