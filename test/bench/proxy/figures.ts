/** Figures of the proxy bench: a value with its spread, the anchor it is held against, its goal; printed as one table a section. */
import type { Row } from '../table.ts';

export interface Figure {
  name: string;
  /** Median of the rounds where there are several; NaN: it could not be measured, and the note says why. */
  value: number;
  unit: string;
  /** Least and most of the rounds. */
  spread: readonly [least: number, most: number] | null;
  /** What the value is held against, measured in the same run; the ratio is value / anchor. */
  anchor: { name: string; value: number } | null;
  /** A bound for the value or for its ratio to the anchor. */
  goal: { bound: number; side: 'at least' | 'at most'; of: 'value' | 'ratio' } | null;
  note: string;
}

/** Whether a figure reached its goal; null where there is none. What was not measured did not reach it. */
export function passed(figure: Figure): boolean | null {
  if (figure.goal === null) return null;
  const value = figure.goal.of === 'ratio' ? ratioOf(figure) : figure.value;
  return figure.goal.side === 'at least' ? value >= figure.goal.bound : value <= figure.goal.bound;
}

/** Value / anchor; NaN without one. */
export function ratioOf({ value, anchor }: Figure): number {
  return anchor === null ? Number.NaN : value / anchor.value;
}

/** A figure without goal from its rounds. */
export function figureOf(name: string, unit: string, rounds: readonly number[], note = ''): Figure {
  const isSeveral = rounds.length > 1;
  return {
    name,
    value: median(rounds),
    unit,
    spread: isSeveral ? [Math.min(...rounds), Math.max(...rounds)] : null,
    anchor: null,
    goal: null,
    note: isSeveral && note === '' ? `${rounds.length} rounds` : note,
  };
}

/** A figure that is not there, with the reason. With a goal it counts as not reached. */
export function missingFigure(name: string, unit: string, note: string, goal: Figure['goal'] = null): Figure {
  return { name, value: Number.NaN, unit, spread: null, anchor: null, goal, note };
}

/** NaN of nothing. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which a share of the values lies, between neighbours by their distance; NaN of nothing. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  const place = share * (sorted.length - 1);
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** One aligned table. */
export function printFigures(title: string, figures: readonly Figure[]): void {
  const head = ['name', 'value', 'unit', 'min – max', 'anchor', 'ratio', 'goal', 'pass', 'notes'];
  const lines = [head, ...figures.map(cellsOf)];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => (line[column] as string).length)));
  process.stdout.write(`\n${title}\n`);
  for (const line of lines) {
    const cells = line.map((cell, column) => {
      const width = widths[column] as number;
      return column === 1 || column === 5 ? cell.padStart(width) : cell.padEnd(width);
    });
    process.stdout.write(`  ${cells.join('  ').trimEnd()}\n`);
  }
}

/** For the scoreboard, which judges values: a goal of the ratio makes the ratio the value. */
export function rowOf(figure: Figure): Row {
  const { name, value, unit, spread, anchor, goal, note } = figure;
  const told = [
    goal?.of === 'ratio' && !Number.isNaN(value) ? `${digits(value)} ${unit}` : '',
    anchor === null ? '' : `${anchor.name} ${digits(anchor.value)} ${unit}`,
    spread === null ? '' : `${digits(spread[0])} to ${digits(spread[1])}`,
    note,
  ];
  const isRatio = goal?.of === 'ratio';
  return {
    name,
    value: isRatio ? ratioOf(figure) : value,
    unit: isRatio ? 'ratio' : unit,
    goal: goal === null ? null : { bound: goal.bound, side: goal.side },
    note: told.filter((part) => part !== '').join('; '),
  };
}

/** Three significant places, thousands in groups. */
export function digits(value: number): string {
  if (Number.isNaN(value)) return '-';
  if (Math.abs(value) >= 100) return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');
  return String(Number(value.toPrecision(3)));
}

function cellsOf(figure: Figure): string[] {
  const { name, value, unit, spread, anchor, goal, note } = figure;
  const isPassed = passed(figure);
  return [
    name,
    digits(value),
    unit,
    spread === null ? '' : `${digits(spread[0])} – ${digits(spread[1])}`,
    anchor === null ? '' : `${anchor.name} ${digits(anchor.value)}`,
    anchor === null ? '' : ratioOf(figure).toFixed(2),
    goal === null
      ? ''
      : `${goal.side === 'at most' ? '≤' : '≥'} ${digits(goal.bound)}${goal.of === 'ratio' ? '×' : ''}`,
    isPassed === null ? '' : isPassed ? 'pass' : 'FAIL',
    note,
  ];
}
