/** Starts `meshwright run` as a user would, in a folder of its own, and gathers what it says. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/meshwright.js', import.meta.url));
export const FIXTURES = fileURLToPath(new URL('./run-fixtures/', import.meta.url));

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** `onOutput` sees all of stdout so far, and the process, each time there is more. */
export function meshwright(
  cwd: string,
  arguments_: readonly string[],
  onOutput: (stdout: string, child: ChildProcess) => void = () => undefined,
): Promise<Ended> {
  const env = { ...process.env, CI: '1' } as NodeJS.ProcessEnv;
  for (const name of Object.keys(env))
    if (/^(VITEST|VITE_|MESHWRIGHT|TEST$|NODE_ENV$)/.test(name)) delete env[name];
  const child = spawn(process.execPath, [BIN, ...arguments_], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 50_000,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    onOutput(stdout, child);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
}
