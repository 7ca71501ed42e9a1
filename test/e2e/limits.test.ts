/** What may be wrong around a run in the real world, through the command: one clear message, exit code 2, nothing left. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { readJournalFile } from '../../sim/journal/file.ts';
import { Kind } from '../../sim/journal/events.ts';
import { CliProcess, commandOf, fixture } from './cli-process.ts';
import { pause, processesOf, within } from './processes.ts';

const BIN = fileURLToPath(new URL('../../bin/meshwright.js', import.meta.url));
const home = mkdtempSync(join(tmpdir(), 'meshwright-limits-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const folder = (): string => mkdtempSync(join(home, 'run-'));
const REAL = ['--world', 'real'] as const;

/** The run ends with 2, no check is said to hold, and the record's one scenario has this error. */
async function expectError(run: CliProcess, code: string, message: RegExp): Promise<void> {
  expect(await run.ended).toBe(2);
  const record = run.record();
  expect(record.outcome).toBe('error');
  expect(record.scenarios.map(({ outcome }) => outcome)).toEqual(['error']);
  expect(record.scenarios[0]?.error).toMatchObject({ code, message: expect.stringMatching(message) });
  expect(run.stdout).toContain(code);
  expect(run.stdout).not.toMatch(/HOLDS/);
  expect(run.stdout + run.stderr).not.toMatch(/^\s+at /m);
  await run.expectNothingLeft([]);
}

test('too few open files: told before anything starts, with the number that is needed', async () => {
  const shell = (files: number): { shell: string } => ({ shell: `ulimit -n ${files}; exec "$@"` });
  const low = new CliProcess(folder(), ['run', fixture('steady'), ...REAL], shell(64));
  expect(await low.ended).toBe(2);
  expect(low.stderr).toMatch(/needs 192 open files per process, the limit is 64 .*`ulimit -n 192`/);
  expect(low.stdout).toBe('');

  const run = new CliProcess(folder(), ['run', fixture('wide'), ...REAL], shell(200));
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, processesOf(run.runId).length);
  }, 20);
  await expectError(run, 'MW_PROCESS', /needs 540 open files per process, the limit is 200.*ulimit -n 540/s);
  clearInterval(timer);
  expect(most).toBe(1);
});

describe('partial start', () => {
  // The processes of the mesh in the order of their birth; each in turn does not start.
  test.each(['toxiproxy/worker', 'load/worker', 'greeter/1', 'pack 0', 'sidecar 0'])(
    '%s does not start: it is named with its last lines, the others are stopped',
    async (victim) => {
      const cwd = folder();
      const preload = join(cwd, 'preload.cjs');
      const match: Record<string, string> = {
        'greeter/1': '"eager":true',
        'pack 0': '"eager":false',
        'sidecar 0': 'proxy/host/main',
      };
      writeFileSync(
        preload,
        `if (process.argv.join(' ').includes(${JSON.stringify(match[victim] ?? victim)})) {
           for (let line = 1; line <= 30; line++) console.error('complaint ' + line);
           process.exitCode = 3;
           process.exit();
         }`,
      );
      const env = { NODE_OPTIONS: `--require ${preload}` };
      const run = new CliProcess(cwd, ['run', fixture('long'), ...REAL], { env });
      const name = victim.replace('/worker', '');
      await expectError(run, 'MW_PROCESS', /ended by itself with exit code 3; its last lines:/);
      const message = run.record().scenarios[0]?.error?.message ?? '';
      expect(message.slice(0, 40)).toContain(name);
      expect(message).toContain('complaint 30');
      expect(message).toContain('complaint 11\n');
      expect(message).not.toContain('complaint 10\n');
    },
  );
});

test.each(['load/worker', 'instance/worker', 'toxiproxy/worker', 'proxy/host/main'])(
  'a %s that dies in the middle ends the run and is named',
  async (victim) => {
    const run = new CliProcess(folder(), ['run', fixture('long'), ...REAL]);
    const find = (): number[] => processesOf(run.runId).filter((pid) => commandOf(pid).includes(victim));
    await run.has(6);
    await within(5_000, () => find().length > 0);
    await pause(500);
    process.kill(find()[0] as number, 'SIGKILL');
    await expectError(run, 'MW_PROCESS', /ended by itself by SIGKILL/);
  },
);

test('the runner stands still for 2 s: the run cannot tell, says for how long, and is made again', async () => {
  const cwd = folder();
  const run = new CliProcess(cwd, ['run', fixture('timed'), ...REAL]);
  const journals = (): string[] => {
    const [name] = readdirSync(join(cwd, '.meshwright/runs'));
    const runFolder = join(cwd, '.meshwright/runs', name as string);
    return readdirSync(runFolder)
      .filter((file) => file.endsWith('.jsonl'))
      .map((file) => join(runFolder, file));
  };
  for (const tries of [1, 2]) {
    await run.has(2);
    await within(20_000, () => journals().length === tries && processesOf(run.runId).length >= 6);
    await pause(900);
    run.signal('SIGSTOP');
    await pause(2_000);
    run.signal('SIGCONT');
    if (tries === 1) await within(20_000, () => journals().length === 2);
  }
  expect(await run.ended).toBe(2);
  const [made] = run.record().scenarios;
  expect([made?.outcome, made?.tries]).toEqual(['inconclusive', 2]);
  const clock = made?.verdicts.find(({ check }) => check === 'clock');
  expect(clock?.explanation).toMatch(/stood still for (1[6-9]|2\d)\d\d ms until \d\.\d+ s/);
  for (const path of journals()) {
    const { events, trouble } = readJournalFile(path);
    expect(trouble).toBeNull();
    expect(events.some(({ kind, detail }) => kind === Kind.stall && detail > 1_500)).toBe(true);
  }
  await run.expectNothingLeft([]);
});

describe('Toxiproxy', () => {
  test('a TOXIPROXY_URL that answers nothing is told within its deadline', async () => {
    const mute = createServer((socket) => socket.on('error', () => undefined));
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const { port } = mute.address() as { port: number };
    for (const url of [`http://127.0.0.1:${port}`, 'http://127.0.0.1:1']) {
      const run = new CliProcess(folder(), ['run', fixture('steady'), ...REAL], {
        env: { TOXIPROXY_URL: url },
      });
      await expectError(run, 'MW_TOXIPROXY', /TOXIPROXY_URL/);
      expect(run.record().durationMs).toBeLessThan(20_000);
    }
    mute.close();
  });
});

describe('a port that is taken', () => {
  test.each([
    [['sidecar', '--upstream', '127.0.0.1:1', '--listen']],
    [['toxiproxy', '--listen']],
    [['demo-server', '--listen']],
  ])('%j says so', async (command) => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const { port } = holder.address() as { port: number };
    const run = new CliProcess(folder(), [...command, `127.0.0.1:${port}`]);
    expect(await run.ended).toBe(2);
    expect(run.stderr).toMatch(/^MW_PORT: [^\n]*Fix: [^\n]*\n$/);
    expect(run.stderr).toContain(String(port));
    holder.close();
  });
});

describe('the journal', () => {
  const failing = (cwd: string, patch: string): Record<string, string> => {
    const preload = join(cwd, 'preload.cjs');
    writeFileSync(
      preload,
      `const fs = require('node:fs');
       const { openSync, writeSync } = fs;
       const journals = new Set();
       let writes = 0;
       fs.openSync = (path, ...rest) => {
         const fd = openSync(path, ...rest);
         if (String(path).endsWith('.journal.jsonl')) journals.add(fd);
         return fd;
       };
       fs.writeSync = (fd, ...rest) => {
         ${patch}
         return writeSync(fd, ...rest);
       };
       require('node:module').syncBuiltinESMExports();`,
    );
    return { NODE_OPTIONS: `--require ${preload}` };
  };

  test.each([
    ['real', 2],
    ['virtual', 1],
    ['virtual', 3],
  ])('in the %s world, write %i finds the disk full', async (world, nth) => {
    const cwd = folder();
    const full = `if (journals.has(fd) && ++writes >= ${nth}) throw new Error('ENOSPC: no space left on device, write');`;
    const args = ['run', fixture('long'), '--world', world];
    const run = new CliProcess(cwd, args, { env: failing(cwd, full) });
    await expectError(run, 'MW_JOURNAL', /ENOSPC.*\d+ bytes were written \(at .*\.journal\.jsonl\)/);
  });
});

/** A process of the command that serves until it is ended; resolves with what its first line says. */
async function serve(
  arguments_: readonly string[],
): Promise<{ child: ChildProcess; said: Record<string, string> }> {
  const child = spawn(process.execPath, [BIN, ...arguments_], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  child.stdout?.on('data', (text: Buffer) => (out += text.toString()));
  await within(20_000, () => out.includes('\n'));
  return { child, said: JSON.parse(out.split('\n')[0] ?? '{}') as Record<string, string> };
}

test('an endpoint file that is malformed, truncated or removed: the last good set stays, and it is told', async () => {
  const path = join(folder(), 'endpoints.yaml');
  writeFileSync(path, 'endpoints:\n  - address: 127.0.0.1:1\n    id: one\n');
  const { child, said } = await serve([
    ...['sidecar', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--endpoints', path],
  ]);
  let told = '';
  child.stderr?.on('data', (text: Buffer) => (told += text.toString()));
  const ids = async (): Promise<string> => (await fetch(`http://${said['admin']}/clusters`)).text();
  try {
    await within(5_000, () => true);
    expect(await ids()).toContain('one');
    for (const damage of ['endpoints: [', 'endpoints:\n  - address: 127.0', '', null]) {
      const before = told.length;
      if (damage === null) rmSync(path);
      else writeFileSync(path, damage);
      await within(5_000, () => told.length > before);
      expect(told.slice(before)).toContain(path);
      expect(await ids()).toContain('one');
    }
    writeFileSync(path, 'endpoints:\n  - address: 127.0.0.1:2\n    id: two\n');
    let now = '';
    for (let wait = 0; wait < 50 && !now.includes('two'); wait++) {
      await pause(100);
      now = await ids();
    }
    expect(now).toContain('two');
    expect(now).not.toContain('one');
  } finally {
    child.kill('SIGTERM');
  }
});
