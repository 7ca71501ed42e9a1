/** A vitest reporter that prints nothing: it collects scenario records and failures as tests end, and tells a listener. */
import { relative } from 'node:path';
import type { Reporter, TestCase, TestModule } from 'vitest/node';
import type { ScenarioRecord } from '../../sim/spec/run-record.ts';
import { scenarioRecordSchema } from '../../reports/run-record-schema.ts';
import { type Failure, failureOf, type SerializedFailure } from './failure.ts';

export interface CollectorEvents {
  onFile(file: string): void;
  onStart(title: string): void;
  onRecord(record: ScenarioRecord): void;
  onFailure(failure: Failure): void;
  onLog(text: string): void;
}

export interface CollectorOptions {
  root: string;
  timeoutMs: number;
  /** True once the user asked to stop: tests that were never run are then no failure. */
  interrupted(): boolean;
}

export class Collector implements Reporter {
  readonly scenarios: ScenarioRecord[] = [];
  readonly failures: Failure[] = [];
  /** What runs now, for the watchdog: the file, and the test in it once it has begun. */
  current: { file: string; title: string | null; sinceMs: number } | null = null;
  readonly #events: CollectorEvents;
  readonly #options: CollectorOptions;

  constructor(events: CollectorEvents, options: CollectorOptions) {
    this.#events = events;
    this.#options = options;
  }

  onTestModuleQueued(module: TestModule): void {
    this.current = { file: module.moduleId, title: null, sinceMs: performance.now() };
    this.#events.onFile(relative(this.#options.root, module.moduleId));
  }

  onTestCaseReady(test: TestCase): void {
    this.current = { file: test.module.moduleId, title: test.fullName, sinceMs: performance.now() };
    this.#events.onStart(test.fullName);
  }

  onTestCaseResult(test: TestCase): void {
    const file = test.module.moduleId;
    this.current = { file, title: null, sinceMs: performance.now() };
    const result = test.result();
    const given: unknown = Reflect.get(test.meta(), 'meshwright');
    if (given !== undefined) {
      this.#take(given, file);
      return;
    }
    if (result.state === 'failed') {
      for (const error of result.errors.slice(0, 1)) this.#fail(error, file);
    } else if (result.state === 'passed') {
      this.#note({
        code: 'MW_SCENARIO',
        message: `the test ${JSON.stringify(test.fullName)} is no scenario`,
        file,
      });
    }
  }

  onTestModuleEnd(module: TestModule): void {
    const file = module.moduleId;
    this.current = null;
    for (const error of module.errors().slice(0, 1)) this.#fail(error, file);
    const tests = [...module.children.allTests()];
    if (tests.length === 0 && module.errors().length === 0 && !this.#options.interrupted()) {
      const message =
        "holds no scenario. Fix: `export default scenario('name', { … })`, with scenario from 'meshwright'";
      this.#note({ code: 'MW_SCENARIO', message, file });
    }
  }

  onTestRunEnd(_modules: readonly TestModule[], unhandled: readonly SerializedFailure[]): void {
    for (const error of unhandled.slice(0, 5)) this.#fail(error, null);
  }

  /** The worker thread no longer answers. */
  reportStuck(title: string | null, seconds: number): void {
    const what = title === null ? 'did not load' : `${JSON.stringify(title)} did not end`;
    this.#note({
      code: 'MW_SCENARIO',
      message: `${what} within ${seconds} s. Fix: look for an endless loop, or allow more by --timeout SECONDS`,
      file: this.current?.file ?? null,
    });
  }

  onUserConsoleLog(log: { content: string }): void {
    this.#events.onLog(log.content);
  }

  #take(given: unknown, file: string): void {
    const parsed = scenarioRecordSchema.safeParse(given);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      const where = issue === undefined ? '' : `: ${issue.path.join('.')}: ${issue.message}`;
      this.#note({ code: 'MW_SCENARIO', message: `gave back a malformed record${where}`, file });
      return;
    }
    const record: ScenarioRecord = { ...(given as ScenarioRecord), file: relative(this.#options.root, file) };
    this.scenarios.push(record);
    this.#events.onRecord(record);
  }

  #fail(error: SerializedFailure, file: string | null): void {
    const { root, timeoutMs } = this.#options;
    this.#note(failureOf(error, file ?? root, root, timeoutMs));
  }

  #note(failure: Failure): void {
    const { root } = this.#options;
    const file = failure.file?.startsWith(root) ? relative(root, failure.file) : failure.file;
    const noted = { ...failure, file: file === '' ? null : file };
    this.failures.push(noted);
    this.#events.onFailure(noted);
  }
}
