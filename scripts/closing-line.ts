/** A vitest reporter that ends the output with `N passed, N failed`, alone on its line. */
import type { Reporter, TestModule } from 'vitest/node';

export class ClosingLine implements Reporter {
  /** A file that does not load and an error outside of any test count as failed. */
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    let passed = 0;
    let failed = unhandled.length;
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed++;
        else if (state === 'failed') failed++;
      }
      if (module.errors().length > 0) failed++;
    }
    // After the default reporter's summary, which is written in the same turn.
    process.once('exit', () => {
      process.stdout.write(`${passed} passed, ${failed} failed\n`);
    });
  }
}
