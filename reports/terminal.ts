/** The run for a terminal or a CI log: one block per scenario, then a summary. Text from outside is made printable first. */
import type { Colors } from 'picocolors/types.js';
import type { Verdict } from '../sim/spec/check.ts';
import type { RunRecord, RunStats, ScenarioRecord } from '../sim/spec/run-record.ts';
import { amplification, formatCount, formatMs, shareRows } from './figures.ts';
import { printable, printableLine } from './printable.ts';

const SHARE_ROWS_MAX = 10;
const BAR_CELLS = 24;
const LABEL_CELLS = 9;

const MARKS: Readonly<Record<RunRecord['outcome'], string>> = {
  holds: '✓',
  violated: '✗',
  'not exercised': '○',
  inconclusive: '?',
  interrupted: '◼',
  error: '!',
};

/** One scenario in one world: what it shows, each verdict with its reason, shares, latencies, retries, how to replay. */
export function terminalScenario(record: ScenarioRecord, colors: Colors): string {
  const paint = painter(record.outcome, colors);
  const simulated = `${formatMs(record.simulatedMs)} in ${formatMs(record.wallMs)}`;
  const facts = `${record.world} · seed ${record.seed} · ${simulated}`;
  const lines = [
    `${paint(MARKS[record.outcome])} ${colors.bold(printable(record.name))}  ${colors.dim(facts)}`,
  ];
  if (record.shows !== null) lines.push(`  ${colors.dim(printableLine(record.shows))}`);
  if (record.error !== null) {
    lines.push(`  ${paint(printableLine(record.error.code))}: ${printable(record.error.message)}`);
  }
  for (const verdict of record.verdicts) lines.push(...verdictLines(verdict, colors));
  if (record.stats.calls > 0) lines.push(...statsLines(record.stats, colors));
  lines.push(
    `  ${label('journal', colors)}${printable(record.journalHash)} · ${formatCount(record.journalEvents)} events`,
  );
  if (record.outcome !== 'holds')
    lines.push(`  ${label('replay', colors)}${colors.cyan(printable(record.replay))}`);
  return `${lines.join('\n')}\n`;
}

/** Something that went wrong outside of any verdict. */
export function terminalFailure(failure: RunRecord['errors'][number], colors: Colors): string {
  const place = failure.file === null ? '' : `${printable(failure.file)}: `;
  return `${colors.red('!')} ${place}${printable(failure.code)}: ${printable(failure.message)}`;
}

/** The last lines: how many of each outcome, how long, and where the reports are. */
export function terminalSummary(record: RunRecord, written: readonly string[], colors: Colors): string {
  const counts = new Map<string, number>();
  for (const { outcome } of record.scenarios) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  if (record.errors.length > 0) counts.set('error', (counts.get('error') ?? 0) + record.errors.length);
  const parts = [...counts].map(([outcome, count]) =>
    painter(
      outcome as RunRecord['outcome'],
      colors,
    )(`${count} ${outcome === 'error' && count > 1 ? 'errors' : outcome}`),
  );
  const paint = painter(record.outcome, colors);
  const what = parts.length === 0 ? 'no scenario ran' : parts.join(', ');
  const lines = [
    `${paint(colors.bold(record.outcome.toUpperCase()))}  ${what} · ${formatMs(record.durationMs)}`,
  ];
  for (const path of written) lines.push(`  ${label('report', colors)}${printable(path)}`);
  return lines.join('\n');
}

function verdictLines(verdict: Verdict, colors: Colors): string[] {
  const paint = painter(verdict.outcome, colors);
  const name = printable(verdict.check).padEnd(20);
  const count = `exercised ${formatCount(verdict.exercised)}×`;
  const first = verdict.firstAtMs === null ? '' : ` · first at ${formatMs(verdict.firstAtMs)}`;
  return [
    `    ${paint(MARKS[verdict.outcome])} ${name} ${paint(verdict.outcome.padEnd(14))} ${colors.dim(count + first)}`,
    `      ${printableLine(verdict.explanation)}`,
  ];
}

function statsLines(stats: RunStats, colors: Colors): string[] {
  const { latency, directLatency } = stats;
  const lines = shareLines(stats, colors);
  const failed = stats.calls - stats.ok - stats.unanswered;
  const unanswered = stats.unanswered > 0 ? ` · ${formatCount(stats.unanswered)} unanswered` : '';
  lines.push(
    `  ${label('calls', colors)}${formatCount(stats.calls)} · ${formatCount(stats.ok)} ok · ${formatCount(failed)} failed${unanswered}${statusText(stats)}`,
    `  ${label('latency', colors)}${quantileText(latency)}`,
  );
  if (directLatency !== null) lines.push(`  ${label('direct', colors)}${quantileText(directLatency)}`);
  const cpu = stats.sidecarCpuUsPerCall;
  const cpuText = cpu === null ? '' : ` · sidecar ${cpu.toFixed(1)} µs CPU per call`;
  const perCall = amplification(stats);
  lines.push(
    `  ${label('retries', colors)}${formatCount(stats.retries)} · ${perCall} attempts per call${cpuText}`,
  );
  return lines;
}

/** Share of first picks per instance; the widest differences first where there are too many to show. */
function shareLines(stats: RunStats, colors: Colors): string[] {
  const rows = shareRows(stats.instances);
  const largest = Math.max(1e-9, ...rows.map((row) => Math.max(row.actual, row.expected)));
  const off = (index: number) => Math.abs((rows[index]?.actual ?? 0) - (rows[index]?.expected ?? 0));
  const indexes = rows.map((_row, index) => index);
  const chosen =
    rows.length <= SHARE_ROWS_MAX
      ? indexes
      : indexes.sort((a, b) => off(b) - off(a) || a - b).slice(0, SHARE_ROWS_MAX);
  const width = Math.max(
    0,
    ...chosen.map((index) => printableLine(rows[index]?.instance.name ?? '', 30).length),
  );
  const lines = chosen
    .sort((a, b) => a - b)
    .map((index, at) => {
      const { instance, actual, expected } = rows[index] as (typeof rows)[number];
      const full = Math.round((actual / largest) * BAR_CELLS);
      const bar = '█'.repeat(full).padEnd(BAR_CELLS, '·');
      const figures = `${percent(actual)} of picks, expected ${percent(expected)}`;
      const failures =
        instance.failures > 0 ? colors.yellow(` · ${formatCount(instance.failures)} failed`) : '';
      const head = at === 0 ? label('share', colors) : ' '.repeat(LABEL_CELLS);
      return `  ${head}${printableLine(instance.name, 30).padEnd(width)} ${colors.cyan(bar)} ${figures}${failures}`;
    });
  if (chosen.length < rows.length) {
    lines.push(
      `  ${' '.repeat(LABEL_CELLS)}${colors.dim(`… ${rows.length - chosen.length} more, nearer to what was expected`)}`,
    );
  }
  return lines;
}

function statusText(stats: RunStats): string {
  const others = Object.entries(stats.statuses).filter(([status, count]) => status !== '0' && count > 0);
  return others.length === 0
    ? ''
    : ` (${others.map(([s, n]) => `status ${printable(s, 4)}: ${formatCount(n)}`).join(', ')})`;
}

function quantileText(latency: RunStats['latency']): string {
  const { p50Ms, p90Ms, p99Ms, p999Ms, maxMs } = latency;
  return `p50 ${formatMs(p50Ms)} · p90 ${formatMs(p90Ms)} · p99 ${formatMs(p99Ms)} · p99.9 ${formatMs(p999Ms)} · max ${formatMs(maxMs)}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`.padStart(7);
}

function label(text: string, colors: Colors): string {
  return colors.dim(text.padEnd(LABEL_CELLS));
}

function painter(outcome: RunRecord['outcome'], colors: Colors): (text: string) => string {
  if (outcome === 'holds') return colors.green;
  if (outcome === 'violated' || outcome === 'error') return colors.red;
  return colors.yellow;
}
