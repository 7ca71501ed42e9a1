/** A Markdown summary for a CI job page: one table, then a section for each scenario that does not hold. */
import type { RunRecord, ScenarioRecord } from '../sim/spec/run-record.ts';
import { amplification, formatCount, formatMs } from './figures.ts';
import { printable } from './printable.ts';

/** GitHub-flavoured Markdown; text from scenarios and peers cannot form markup. */
export function markdownReport(record: RunRecord): string {
  const { scenarios, errors } = record;
  const lines = [`## meshwright: ${record.outcome}`, ''];
  lines.push(`${scenarios.length} runs in ${formatMs(record.durationMs)}`, '');
  if (scenarios.length > 0) {
    lines.push('| outcome | scenario | world | seed | calls | failed | p99 | attempts per call |');
    lines.push('|---|---|---|--:|--:|--:|--:|--:|');
    for (const scenario of scenarios) lines.push(row(scenario));
    lines.push('');
  }
  for (const { code, message, file } of errors) {
    lines.push(`- **${text(code)}** ${file === null ? '' : `${text(file)}: `}${text(message)}`);
  }
  if (errors.length > 0) lines.push('');
  for (const scenario of scenarios) if (scenario.outcome !== 'holds') lines.push(...section(scenario));
  return `${lines.join('\n').trimEnd()}\n`;
}

function row(scenario: ScenarioRecord): string {
  const { stats } = scenario;
  const cells = [
    scenario.outcome,
    text(scenario.name),
    scenario.world,
    String(scenario.seed),
    formatCount(stats.calls),
    formatCount(stats.calls - stats.ok),
    formatMs(stats.latency.p99Ms),
    amplification(stats),
  ];
  return `| ${cells.join(' | ')} |`;
}

function section(scenario: ScenarioRecord): string[] {
  const lines = [`### ${text(scenario.name)} (${scenario.world}): ${scenario.outcome}`, ''];
  if (scenario.error !== null)
    lines.push(`${text(scenario.error.code)}: ${text(scenario.error.message)}`, '');
  const wrong = scenario.verdicts.filter((verdict) => verdict.outcome !== 'holds');
  for (const { check, outcome, explanation } of wrong) {
    lines.push(`- **${text(check)}** ${outcome}: ${text(explanation)}`);
  }
  if (wrong.length > 0) lines.push('');
  lines.push('Replay:', '', ...indented(scenario.replay), '');
  return lines;
}

/** An indented code block needs no fence that its content could close. */
function indented(code: string): string[] {
  return [`    ${printable(code)}`];
}

/** Escapes whatever Markdown or HTML could take for markup, `|` and a leading `=` (spreadsheets) included. */
function text(value: string): string {
  return printable(value)
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/^[-=+]|[\\`*_[\]#|~$@]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replace(/https?:/gi, (scheme) => scheme.replace(':', '&#58;'));
}
