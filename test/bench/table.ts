/** What a bench prints: rows of a figure, its unit, its goal and whether it was reached; as a table or as one line of JSON. */

export interface Row {
  name: string;
  value: number;
  unit: string;
  /** The bound, and on which side of it the value has to be; null where none is set. */
  goal: { bound: number; side: 'at least' | 'at most' } | null;
  /** Anything worth knowing beside, such as memory. */
  note: string;
}

/** Whether a row reached its goal; null where there is none. */
export function reached({ value, goal }: Row): boolean | null {
  if (goal === null) return null;
  return goal.side === 'at least' ? value >= goal.bound : value <= goal.bound;
}

/** `isJson`: one line `{ bench, rows: [{ name, value, unit, goal, note, pass }] }` instead of a table. */
export function printRows(bench: string, rows: readonly Row[], isJson: boolean): void {
  if (isJson) {
    const told = rows.map((row) => ({ ...row, pass: reached(row) }));
    process.stdout.write(`${JSON.stringify({ bench, rows: told })}\n`);
    return;
  }
  const cells = rows.map((row) => {
    const goal = row.goal === null ? '' : `${row.goal.side} ${figure(row.goal.bound)}`;
    const pass = reached(row);
    return [
      row.name,
      figure(row.value),
      row.unit,
      goal,
      pass === null ? '' : pass ? 'pass' : 'MISSED',
      row.note,
    ];
  });
  const head = ['name', 'value', 'unit', 'goal', 'pass', 'anchor, notes'];
  const widths = head.map((word, column) =>
    Math.max(word.length, ...cells.map((line) => (line[column] as string).length)),
  );
  for (const line of [head, ...cells]) {
    const text = line.map((cell, column) => {
      const width = widths[column] as number;
      return column === 1 ? cell.padStart(width) : cell.padEnd(width);
    });
    process.stdout.write(`${text.join('  ').trimEnd()}\n`);
  }
}

/** Whole numbers in groups of three, small ones with two places. */
function figure(value: number): string {
  if (Math.abs(value) < 100) return String(Math.round(value * 100) / 100);
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');
}
