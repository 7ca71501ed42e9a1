/** What nobody caught ends a run with one harmless line and code 2. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { crashLine } from '../../../cli/run/crash-guard.ts';

const GUARD = fileURLToPath(new URL('../../../dist/cli/run/crash-guard.js', import.meta.url));

describe('crashLine', () => {
  it('shows the first line, the place, and no stack', () => {
    const line = crashLine(new TypeError('broken\n    at secret (/x.ts:1:1)'));
    expect(line).toMatch(
      /^MW_INTERNAL: TypeError: broken \(at \/.*:\d+\)\. Set MESHWRIGHT_DEBUG=1 for the stack\.$/,
    );
    expect(line.split('\n')).toHaveLength(1);
  });

  it('makes control characters visible, whatever was thrown', () => {
    expect(crashLine('\u001b[2J\nboo')).toContain('\\x1b[2J\\nboo');
  });
});

describe.each([
  ['an exception', "setTimeout(() => { throw new Error('out of nowhere'); }, 10)"],
  ['a rejection', "Promise.reject(new Error('out of nowhere'))"],
])('%s that nobody caught', (_what, code) => {
  it('ends the process with one line and code 2', () => {
    const script = `import { guardCrashes } from ${JSON.stringify(GUARD)}; guardCrashes(() => {}); ${code}; setInterval(() => {}, 1e3);`;
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 30_000,
      env: { PATH: process.env['PATH'] },
    });
    expect(stderr.trim()).toMatch(/^MW_INTERNAL: Error: out of nowhere.*$/);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(status).toBe(2);
  });
});
