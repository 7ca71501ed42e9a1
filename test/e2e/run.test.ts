/** `meshwright run` from the outside: exit codes, reports, Ctrl-C. The records come from fixtures, not from an engine. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runRecordSchema } from '../../reports/run-record-schema.ts';
import { FIXTURES, meshwright } from './run-helper.ts';

const cwd = mkdtempSync(join(tmpdir(), 'meshwright-run-'));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const fixture = (name: string) => join(FIXTURES, `${name}.scenario.ts`);

describe('exit codes', () => {
  it.each([
    ['holds', 0],
    ['violated', 1],
    ['inconclusive', 2],
  ])('%s ends with %i', async (name, code) => {
    const ended = await meshwright(cwd, ['run', fixture(name)]);
    expect(ended.stderr).toBe('');
    expect(ended.code).toBe(code);
    expect(ended.stdout).toContain(`this one ${name}`);
    expect(ended.stdout.includes('replay')).toBe(code !== 0);
    expect(ended.stdout).not.toMatch(/vitest/i);
  });
});

describe('reports', () => {
  it('writes the folder and each copy asked for', async () => {
    const flags = ['--json', 'a.json', '--junit', 'a.xml', '--html', 'a.html', '--markdown', 'a.md'];
    const { code, stdout } = await meshwright(cwd, ['run', fixture('holds'), fixture('violated'), ...flags]);
    expect(code).toBe(1);
    const record = runRecordSchema.parse(JSON.parse(readFileSync(join(cwd, 'a.json'), 'utf8')));
    expect(record.scenarios.map(({ outcome }) => outcome)).toEqual(['holds', 'violated']);
    expect(readFileSync(join(cwd, 'a.xml'), 'utf8')).toMatch(/<testsuites tests="8" failures="1"/);
    expect(readFileSync(join(cwd, 'a.html'), 'utf8')).toContain('id="run-record"');
    expect(readFileSync(join(cwd, 'a.md'), 'utf8')).toContain('## meshwright: violated');
    const page = /\.meshwright\/runs\/\S+report\.html/.exec(stdout)?.[0] ?? '';
    expect(readFileSync(join(cwd, page), 'utf8')).toContain('id="run-record"');
    expect(statSync(join(cwd, page, '..')).mode & 0o777).toBe(0o700);
    expect(JSON.parse(readFileSync(join(cwd, '.meshwright/latest/run-record.json'), 'utf8'))).toEqual(record);
  });
});

describe('interrupt', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s ends with 130 and a report', async (signal) => {
    let sent = false;
    const ended = await meshwright(cwd, ['run', fixture('hangs')], (stdout, child) => {
      if (sent || !stdout.includes('waiting now')) return;
      sent = true;
      child.kill(signal);
    });
    expect(ended.code).toBe(130);
    expect(ended.stdout).toContain('INTERRUPTED');
    const record = runRecordSchema.parse(
      JSON.parse(readFileSync(join(cwd, '.meshwright/latest/run-record.json'), 'utf8')),
    );
    expect(record.outcome).toBe('interrupted');
  });
});

describe('a scenario that hangs', () => {
  it('ends at its timeout with place and remedy, and the others still run', async () => {
    const files = [fixture('hanging'), fixture('holds')];
    const ended = await meshwright(cwd, ['run', '--world', 'virtual', '--timeout', '2', ...files]);
    expect(ended.code).toBe(2);
    expect(ended.stdout).toMatch(
      /hanging\.scenario\.ts: MW_SCENARIO: did not end within 2 s\. Fix: .*--timeout/,
    );
    expect(ended.stdout).toMatch(/1 holds, 1 error/);
  });
});

describe('an unknown command', () => {
  it('is one line that names the known ones', async () => {
    const ended = await meshwright(cwd, ['runn']);
    expect(ended.code).toBe(2);
    expect(ended.stderr.trim()).toMatch(/^MW_USAGE: unknown command "runn".*use one of run, sidecar/);
    expect(ended.stderr.trim().split('\n')).toHaveLength(1);
  });
});
