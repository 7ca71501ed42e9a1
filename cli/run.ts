/** `meshwright run`: runs scenario files in the virtual world, the real one or both, prints verdicts and writes reports. */
import { Command } from 'commander';
import pc from 'picocolors';
import { RUN_RECORD_VERSION, type RunRecord } from '../sim/spec/run-record.ts';
import { terminalFailure, terminalScenario, terminalSummary } from '../reports/terminal.ts';
import { print } from './output.ts';
import { Collector } from './run/collector.ts';
import { guardCrashes } from './run/crash-guard.ts';
import { makeRunFolder } from './run/folder.ts';
import { watchInterrupts } from './run/interrupt.ts';
import { type RunFlags, type RunOptions, runOptions } from './run/options.ts';
import { exitCodeOf, worstOutcome } from './run/outcome.ts';
import { consoleLines, startProgress } from './run/progress.ts';
import { driveVitest } from './run/vitest-driver.ts';
import { writeReports } from './run/write-reports.ts';
import { packageVersion } from './version.ts';

/** The command for commander. */
export function runCommand(): Command {
  return new Command('run')
    .description('run scenario files and judge them')
    .argument('[files...]', 'scenario files or folders; without any, scenarios/**/*.scenario.ts')
    .option('--world <world>', 'virtual, real or both', 'both')
    .option('--seed <number>', 'decides everything random in the run', '1')
    .option('--timeout <seconds>', 'longest time one scenario may take on the wall clock', '120')
    .option('--json <file>', 'also write the run record there')
    .option('--junit <file>', 'also write a JUnit XML report there')
    .option('--html <file>', 'also write the HTML page there')
    .option('--markdown <file>', 'also write a Markdown summary there')
    .action(async (files: string[], flags: RunFlags) => {
      const outcome = await run(runOptions(files, flags, process.cwd()));
      endWith(exitCodeOf(outcome));
    });
}

async function run(options: RunOptions): Promise<RunRecord['outcome']> {
  const colors = pc.createColors(process.stdout.isTTY === true && pc.isColorSupported);
  const startedAt = new Date();
  const startMs = performance.now();
  const folder = makeRunFolder(options.root, startedAt);
  const live =
    process.stdout.isTTY === true && process.env['CI'] === undefined && process.env['TERM'] !== 'dumb';
  const progress = startProgress({ live, fileCount: options.files.length, colors });
  const interrupt = watchInterrupts(() => progress.stop());
  const crashes = guardCrashes(() => progress.stop());
  const collector = new Collector(
    {
      onFile: (file) => progress.file(file),
      onStart: (title) => progress.start(title),
      onRecord: (record) => progress.log(terminalScenario(record, colors)),
      onFailure: (failure) => progress.log(terminalFailure(failure, colors)),
      onLog: (text) => progress.log(consoleLines(text, colors)),
    },
    { root: options.root, timeoutMs: options.timeoutMs, interrupted: () => interrupt.signal.aborted },
  );
  try {
    const { stuck } = await driveVitest(options, folder, collector, interrupt.signal);
    progress.stop();
    const { scenarios, failures } = collector;
    const record: RunRecord = {
      version: RUN_RECORD_VERSION,
      tool: { name: 'meshwright', version: packageVersion() },
      startedAt: startedAt.toISOString(),
      durationMs: performance.now() - startMs,
      outcome: worstOutcome(scenarios, failures.length, interrupt.signal.aborted),
      scenarios: [...scenarios],
      errors: [...failures],
    };
    const written = writeReports(record, folder, options);
    print(terminalSummary(record, written, colors));
    if (stuck) endNow(exitCodeOf(record.outcome));
    return record.outcome;
  } finally {
    progress.stop();
    crashes.release();
    interrupt.release();
  }
}

/** Leaves by itself once output is flushed; a handle that someone forgot may hold it up for two seconds at most. */
function endWith(code: number): void {
  process.exitCode = code;
  setTimeout(() => process.exit(code), 2_000).unref();
}

/** A thread in an endless loop ends only with the process; pending output is flushed first. */
function endNow(code: number): void {
  process.exitCode = code;
  process.stdout.write('', () => process.exit(code));
}
