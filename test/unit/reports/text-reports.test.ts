/** Hostile text in the terminal, JUnit and Markdown reports: each is read back, and nothing has become a command or markup. */
import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { jsonReport } from '../../../reports/json.ts';
import { junitReport } from '../../../reports/junit.ts';
import { markdownReport } from '../../../reports/markdown.ts';
import { terminalFailure, terminalScenario, terminalSummary } from '../../../reports/terminal.ts';
import { hostileRecord } from './hostile-record.ts';
import { PAYLOADS } from './payloads.ts';
import { parseXml } from './xml.ts';

const colors = pc.createColors(false);
const cases = PAYLOADS.map((text) => [text.slice(0, 30), text] as const);
/** The same shape with harmless text, to compare structure with. */
const harmless = hostileRecord('harmless');

function terminal(text: string): string {
  const record = hostileRecord(text);
  const blocks = record.scenarios.map((scenario) => terminalScenario(scenario, colors));
  const failures = record.errors.map((failure) => terminalFailure(failure, colors));
  return [...blocks, ...failures, terminalSummary(record, [], colors)].join('\n');
}

describe('terminal', () => {
  it.each(cases)('shows %j without obeying it', (_label, text) => {
    const shown = terminal(text);
    expect(shown.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u);
    expect(shown.split('\n')).toHaveLength(terminal('harmless').split('\n').length);
    for (const line of shown.split('\n')) expect(line).not.toMatch(/^\s*(::|##)/);
    expect(shown.length).toBeLessThan(200_000);
  });

  it('shows escapes in letters', () => {
    expect(terminal('\u001b[2J\u009b\u202e')).toContain('\\x1b[2J\\x9b\\u{202e}');
  });
});

describe('JUnit', () => {
  it.each(cases)('is well-formed with %j, and of the same structure', (_label, text) => {
    const xml = junitReport(hostileRecord(text));
    const names = (source: string) => parseXml(source).map(({ name, depth }) => `${depth} ${name}`);
    expect(names(xml)).toEqual(names(junitReport(harmless)));
  });

  it('gives text back as it was, save what XML cannot hold', () => {
    const text = `a<b>&"c" ]]> 'd' | \`e\``;
    const suite = parseXml(junitReport(hostileRecord(text))).find(({ name }) => name === 'testsuite');
    expect(suite?.attributes['name']).toBe(`${text} [virtual]`);
  });
});

describe('Markdown', () => {
  it.each(cases)('keeps its structure with %j', (_label, text) => {
    const shape = (markdown: string) => markdown.split('\n').map(lineShape);
    const markdown = markdownReport(hostileRecord(text));
    expect(shape(markdown)).toEqual(shape(markdownReport(harmless)));
    // Outside of the indented code block no character that could begin markup is left as it is.
    const prose = markdown.split('\n').filter((line) => !line.startsWith('    '));
    expect(prose.join('\n')).not.toMatch(/[<>`]|https?:|\]\(/);
    expect(prose.join('')).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u);
  });
});

describe('JSON', () => {
  it.each(cases)('gives %j back', (_label, text) => {
    const record = hostileRecord(text);
    expect(JSON.parse(jsonReport(record))).toEqual(JSON.parse(JSON.stringify(record)));
  });
});

/** What a renderer would take the line for. */
function lineShape(line: string): string {
  if (line.startsWith('    ')) return 'code';
  if (line.startsWith('|')) return `row of ${line.split('|').length - 2}`;
  return /^(#{1,6} |- )?/.exec(line)?.[0] ?? '';
}
