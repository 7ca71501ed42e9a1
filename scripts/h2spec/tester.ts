/** A run of h2spec or h2specd and what it prints at its end, and a proxy to be judged. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { firstLine, start } from '../../test/bench/proxy/children.ts';
import { ROOT, findProgram } from '../../test/bench/proxy/programs.ts';
import { SIDECAR } from '../../test/bench/proxy/proxies.ts';
import type { Far, Proxy, Started } from '../../test/bench/proxy/proxies.ts';

const RUN_MS_MAX = 600_000;

export interface Verdict {
  cases: number;
  passed: number;
  /** What the tester says of those that failed; '' when none did. */
  failures: string;
}

/** Runs the tester in strict mode; throws the end of what it printed when it did not come to its own end. */
export async function runTester(program: 'h2spec' | 'h2specd', flags: readonly string[]): Promise<Verdict> {
  const tester = spawn(findProgram(program) as string, ['--strict', ...flags], {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: RUN_MS_MAX,
  });
  let said = '';
  for await (const chunk of tester.stdout) said += String(chunk);
  const [, cases, passed] = /(\d+) tests, (\d+) passed/.exec(said) ?? [];
  if (cases === undefined) throw new Error(`${program} did not come to its end:\n${said.slice(-2_000)}`);
  const failures = /Failures:([\s\S]*?)Finished in/.exec(said)?.[1]?.trim() ?? '';
  return { cases: Number(cases), passed: Number(passed), failures };
}

/** The sidecar here without health checks and retries, which dial of their own accord or a second time. */
export async function startBefore(proxy: Proxy, far: Far, folder: string): Promise<Started> {
  if (proxy !== SIDECAR) return proxy.start(far, folder);
  const { cert, key } = far.tls ?? { cert: '', key: '' };
  const tls =
    cert === '' ? [] : ['--tls-cert', cert, '--tls-key', key, '--upstream-tls', '--upstream-ca', cert];
  const flags = [
    '--listen',
    '127.0.0.1:0',
    '--upstream',
    `127.0.0.1:${far.ports[0]}`,
    '--retry-attempts',
    '1',
  ];
  const child = start(process.execPath, [join(ROOT, 'dist/proxy/host/main.js'), ...flags, ...tls]);
  return { child, address: (await firstLine<{ listen: string }>(child)).listen, admin: '' };
}
