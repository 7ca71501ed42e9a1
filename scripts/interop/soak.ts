// rpc_soak through one sidecar: no call may fail, and neither heap nor resident memory may grow with the calls.
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { end, rssKib } from '../../test/bench/proxy/children.ts';
import { runClient } from './cases.ts';
import type { Programs } from './programs.ts';

const MAIN = fileURLToPath(new URL('../../dist/proxy/host/main.js', import.meta.url));
/** In the sidecar's process, on a signal: what is left of the heap after a collection, as a line on descriptor 3. */
const PROBE = `process.on('SIGUSR2', () => { gc(); gc();
  import('node:fs').then((fs) => fs.writeSync(3, process.memoryUsage().heapUsed + '\\n')); });`;
const WARM_CALLS = 20_000;
const THREADS = 8;
const REQUEST_BYTES = 1_000;
const RESPONSE_BYTES = 4_000;
const MS_MAX = 900_000;
const SAMPLE_MS = 100;
/** Of heap or resident memory; below the second it is what a collector's timing makes of a flat line. */
const GROWTH_MAX = 0.05;
const NOISE_KIB = 1_024;

/** Prints what came out; true when no call failed and memory is flat. */
export async function soak(programs: Programs, ports: readonly number[], calls: number): Promise<boolean> {
  const upstream = ports.map((port) => `127.0.0.1:${port}`).join();
  const node = ['--expose-gc', '--import', `data:text/javascript,${encodeURIComponent(PROBE)}`];
  const flags = [
    '--listen',
    '127.0.0.1:0',
    '--admin',
    '127.0.0.1:0',
    '--watch-stdin',
    '--upstream',
    upstream,
  ];
  const child = spawn(process.execPath, [...node, MAIN, ...flags], {
    stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
  });
  process.once('exit', () => child.kill('SIGKILL'));
  try {
    const ready = JSON.parse(await nextLine(child, 1)) as { listen: string; admin: string };
    const port = Number(ready.listen.split(':')[1]);
    const warm = await run(programs, port, WARM_CALLS);
    const heapBeforeKib = await heapKib(child);
    const samples: number[] = [];
    const sampling = setInterval(() => samples.push(rssKib(child.pid as number)), SAMPLE_MS);
    const whole = await run(programs, port, calls).finally(() => clearInterval(sampling));
    const heapAfterKib = await heapKib(child);
    const stats = (await (await fetch(`http://${ready.admin}/stats`)).json()) as Record<string, number>;
    const failed = [warm, whole].filter((one) => one.code !== 0);
    for (const { code, said } of failed) {
      console.log(`rpc_soak: the client ended with ${code}: ${said.slice(-400)}`);
    }
    const summary = /soak test (successes[^|]*)/.exec(whole.said)?.[1] ?? 'the client gave no summary';
    console.log(`rpc_soak: ${summary.trim()} (after ${WARM_CALLS} to warm up)`);
    const alive = (stats['callsAlive'] ?? -1) + (stats['attemptsAlive'] ?? -1);
    console.log(`sidecar: ${stats['callsStarted']} calls; alive at the end: ${alive} calls and attempts`);
    const [early, late] = halves(samples);
    const flat = [
      flatness('heap after a collection, before and after', heapBeforeKib, heapAfterKib),
      flatness('resident, most in the second third and in the last', early, late),
    ];
    return failed.length === 0 && alive === 0 && flat.every(Boolean);
  } finally {
    await end(child);
  }
}

function run(
  programs: Programs,
  port: number,
  calls: number,
): Promise<{ code: number | null; said: string }> {
  const flags = [
    `--soak_iterations=${calls}`,
    `--soak_num_threads=${THREADS}`,
    `--soak_request_size=${REQUEST_BYTES}`,
    `--soak_response_size=${RESPONSE_BYTES}`,
    `--soak_overall_timeout_seconds=${MS_MAX / 1_000}`,
    '--soak_per_iteration_max_acceptable_latency_ms=10000',
  ];
  return runClient(programs, 'rpc_soak', port, flags, MS_MAX);
}

/** What the heap holds after a collection, in KiB. */
async function heapKib(child: ChildProcess): Promise<number> {
  child.kill('SIGUSR2');
  return Number(await nextLine(child, 3)) / 1_024;
}

/** The most of the second third and of the last; the first belongs to the collector, which still makes itself room. */
function halves(samples: readonly number[]): [number, number] {
  const third = Math.floor(samples.length / 3);
  return [Math.max(...samples.slice(third, third * 2)), Math.max(...samples.slice(third * 2))];
}

function flatness(what: string, beforeKib: number, afterKib: number): boolean {
  const growth = afterKib / beforeKib - 1;
  const isFlat = growth <= GROWTH_MAX || afterKib - beforeKib < NOISE_KIB;
  const figures = `${beforeKib.toFixed(0)} KiB, ${afterKib.toFixed(0)} KiB (${(growth * 100).toFixed(1)} %)`;
  console.log(
    `sidecar's memory, ${what}: ${figures}${isFlat ? '' : `: more than ${GROWTH_MAX * 100} % and ${NOISE_KIB} KiB`}`,
  );
  return isFlat;
}

/** The next line on one of its descriptors; rejects when it ends before. */
function nextLine(child: ChildProcess, descriptor: number): Promise<string> {
  const stream = child.stdio[descriptor] as NodeJS.ReadableStream;
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error('the sidecar ended'));
    let text = '';
    const hear = (chunk: Buffer): void => {
      text += chunk.toString();
      if (!text.includes('\n')) return;
      stream.off('data', hear);
      child.off('exit', ended);
      resolve(text.split('\n', 1)[0] as string);
    };
    stream.on('data', hear);
    child.once('exit', ended);
  });
}
