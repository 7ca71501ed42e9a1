/** Ctrl-C and SIGKILL of `meshwright run` at any moment of a run in the real world: the right end, and nothing left. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readJournalFile } from '../../sim/journal/file.ts';
import { CliProcess, fixture } from './cli-process.ts';
import { pause, processesOf } from './processes.ts';

const FULL = process.env['MESHWRIGHT_TEST_FULL'] !== undefined;
if (!FULL) console.log('12 of 50 kills and 9 of 20 interrupts; MESHWRIGHT_TEST_FULL=1 makes all of them');

const home = mkdtempSync(join(tmpdir(), 'meshwright-interrupt-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const folder = (): string => mkdtempSync(join(home, 'run-'));

describe('Ctrl-C', () => {
  const matrix = ['start', 'load', 'fault', 'settle', 'report'].flatMap((phase) =>
    (['SIGINT', 'SIGTERM'] as const).flatMap((signal) =>
      [1, 2].map((presses) => ({ phase, signal, presses })),
    ),
  );
  // Each phase with one press and with two, each signal in both.
  const chosen = matrix.filter(({ presses, signal, phase }, at) => {
    const even = Math.floor(at / 4) % 2 === 0;
    return (
      FULL || ((signal === 'SIGINT') === ((presses === 1) === even) && !(phase === 'report' && presses === 2))
    );
  });

  test.each(chosen)('$signal in phase $phase, pressed $presses times', async ({ phase, signal, presses }) => {
    const file = fixture(phase === 'report' ? 'steady' : 'phases');
    const run = new CliProcess(folder(), ['run', file, '--world', 'real']);
    if (phase === 'start') await run.has(4);
    else await run.says(phase === 'report' ? 'a steady second' : `phase ${phase}`);
    const listeners = run.listeners();
    run.signal(signal);
    if (presses === 2) {
      await run.warns('once more ends at once');
      run.signal(signal);
    }
    const code = await run.ended;
    // In the last phase the run may have been over before the signal came; Node's own last moments know no handlers.
    if (phase === 'report') {
      expect([0, 130, signal]).toContain(code);
      expect(run.stdout).toMatch(/^(HOLDS|INTERRUPTED) {2}1 holds/m);
    } else expect(code).toBe(130);
    expect(run.stderr).not.toMatch(/^\s+at /m);
    await run.expectNothingLeft(listeners);
    if (presses === 2) return;
    const record = run.record();
    if (phase === 'report') return;
    expect(record.outcome).toBe('interrupted');
    expect(record.scenarios.map(({ outcome }) => outcome)).toEqual(['interrupted']);
    expect(run.stdout).toContain('INTERRUPTED');
    // What was recorded until then can be read, and is never taken for a whole run.
    const { events, header, trouble } = readJournalFile(
      join(run.cwd, '.meshwright/latest', record.scenarios[0]?.journalFile ?? 'none'),
    );
    expect([header?.scenario, trouble?.message]).toEqual([
      'phases of a run',
      'there is no footer: the file is cut short',
    ]);
    expect(events.length).toBeGreaterThan(phase === 'start' ? 0 : 30);
  });

  test('the second one ends a run that cannot stop, before it says that it was interrupted', async () => {
    const run = new CliProcess(folder(), ['run', fixture('stuck'), '--world', 'real']);
    await run.says('stuck');
    const listeners = run.listeners();
    run.signal('SIGINT');
    await run.warns('once more ends at once');
    run.signal('SIGINT');
    expect(await run.ended).toBe(130);
    expect(run.stdout).not.toContain('INTERRUPTED');
    await run.expectNothingLeft(listeners);
  });

  test('a reader that goes away after one line is no trouble', async () => {
    const shell = '"$@" | head -1; echo "left"';
    const args = ['run', fixture('steady'), '--world', 'real'];
    const run = new CliProcess(folder(), args, { shell });
    await run.ended;
    expect(run.stdout.split('\n').at(-2)).toBe('left');
    expect(run.stdout.split('\n').length).toBeLessThanOrEqual(3);
    expect(run.stderr).toBe('');
    await run.expectNothingLeft([]);
    expect(run.record().scenarios.length).toBe(1);
  });
});

describe('SIGKILL', () => {
  test(`of the runner at ${FULL ? 50 : 12} moments of a run leaves no process and no port`, async () => {
    const kills = FULL ? 50 : 12;
    const seen: number[] = [];
    for (let kill = 0; kill < kills; kill++) {
      const run = new CliProcess(folder(), ['run', fixture('phases'), '--world', 'real']);
      // Spread over the 3.5 s that a run takes, and not on a grid.
      await pause(600 + (2_400 * kill) / kills + 150 * Math.random());
      const listeners = run.listeners();
      seen.push(processesOf(run.runId).length);
      run.signal('SIGKILL');
      await run.ended;
      await run.expectNothingLeft(listeners);
    }
    console.log(`processes alive at the moment of each kill: ${seen.join(' ')}`);
    expect(Math.max(...seen)).toBeGreaterThanOrEqual(6);
  }, 300_000);
});

test('two runs at once in one folder have a folder each, and both hold', async () => {
  const cwd = folder();
  const args = ['run', fixture('steady'), '--world', 'real'];
  const runs = [new CliProcess(cwd, args), new CliProcess(cwd, args)];
  expect(await Promise.all(runs.map(({ ended }) => ended))).toEqual([0, 0]);
  expect(readdirSync(join(cwd, '.meshwright/runs')).length).toBe(2);
  for (const run of runs) await run.expectNothingLeft([]);
});
