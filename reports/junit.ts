/** JUnit XML for CI systems: a suite per scenario and world, a case per check. */
import junit, { type Builder, type TestSuite } from 'junit-report-builder';
import type { Verdict } from '../sim/spec/check.ts';
import type { RunRecord, ScenarioRecord } from '../sim/spec/run-record.ts';

// The package's types name the default export one level too deep for an ES module.
const builder = junit as unknown as Builder;

/** XML 1.0 text (UTF-8). Violated is a failure; inconclusive and errors are errors; not exercised is skipped. */
export function junitReport(record: RunRecord): string {
  const report = builder.newBuilder();
  for (const scenario of record.scenarios) addScenario(report, scenario);
  if (record.errors.length > 0) {
    const suite = report.testSuite().name('meshwright');
    for (const { code, message, file } of record.errors) {
      suite
        .testCase()
        .className('meshwright')
        .name(xmlText(file ?? code))
        .error(xmlText(`${code}: ${message}`), xmlText(code));
    }
  }
  return report.build();
}

function addScenario(report: Builder, scenario: ScenarioRecord): void {
  const seconds = scenario.wallMs / 1e3;
  const suite = report
    .testSuite()
    .name(xmlText(`${scenario.name} [${scenario.world}]`))
    .time(seconds)
    .property('world', scenario.world)
    .property('seed', String(scenario.seed))
    .property('journalHash', xmlText(scenario.journalHash))
    .property('replay', xmlText(scenario.replay));
  for (const verdict of scenario.verdicts) addVerdict(suite, scenario, verdict);
  if (scenario.verdicts.length > 0 && scenario.error === null && scenario.outcome !== 'interrupted') return;
  const own = suite.testCase().className(className(scenario)).name('run').time(seconds);
  if (scenario.error !== null) {
    own.error(xmlText(`${scenario.error.code}: ${scenario.error.message}`), xmlText(scenario.error.code));
  } else if (scenario.outcome === 'interrupted') {
    own.error('interrupted before it could be judged', 'interrupted');
  }
}

function addVerdict(suite: TestSuite, scenario: ScenarioRecord, verdict: Verdict): void {
  const test = suite.testCase().className(className(scenario)).name(xmlText(verdict.check));
  const text = xmlText(`${verdict.explanation}\nreplay: ${scenario.replay}`);
  if (verdict.outcome === 'violated') test.failure(text, 'violated');
  else if (verdict.outcome === 'inconclusive') test.error(text, 'inconclusive');
  else if (verdict.outcome === 'not exercised') test.skipped().standardOutput(text);
  if (scenario.file !== null) test.file(xmlText(scenario.file));
}

function className(scenario: ScenarioRecord): string {
  return xmlText(`${scenario.name}.${scenario.world}`);
}

/** XML 1.0 forbids most control characters, lone surrogates, U+FFFE and U+FFFF even as references (§2.2). */
function xmlText(text: string): string {
  // oxlint-disable-next-line no-control-regex
  const illegal = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Cs}/gu;
  return text.replace(illegal, (character) => {
    const code = character.codePointAt(0) as number;
    return `\\u{${code.toString(16)}}`;
  });
}
