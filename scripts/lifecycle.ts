// What replacing a sidecar costs its callers: hot restart, reload and drain, twenty in a row each, at 2,000 calls a second
// with long streams beside them; Envoy's beside ours where it is installed; and a rolling restart of thirty instances.
// `npm run lifecycle -- [--times N] [--rate CALLS]`. Needs a build. Exit code 1 when ours lost anything.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { end, firstLine, start } from '../test/bench/proxy/children.ts';
import { findProgram, ROOT } from '../test/bench/proxy/programs.ts';
import { startScript } from '../test/bench/proxy/proxies.ts';
import { Callers } from './lifecycle/caller.ts';
import { startEnvoy, startOurs, type Subject } from './lifecycle/subjects.ts';

/** Longer than Envoy gives what is open in its parent process. */
const STREAM_MS = 4_000;
const PACE_MS = 600;
const GRACE_MS = 8_000;
/** Each of Envoy's takes as long as its drain. */
const ENVOY_TIMES = 5;
const SCENARIO = 'scenarios/lifecycle/rolling-restart-of-thirty.scenario.ts';

type Begin = (index: number) => Promise<Subject>;
type Exercise = (begin: Begin, callers: Callers, times: number) => Promise<Subject[]>;

export default async function lifecycle(): Promise<void> {
  const options = { times: { type: 'string' }, rate: { type: 'string' } } as const;
  const { values } = parseArgs({ options, args: process.argv.slice(2) });
  const times = Number(values.times ?? 20);
  const rate = Number(values.rate ?? 2_000);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
  const folder = mkdtempSync(join(tmpdir(), 'mw-'));
  const far = startScript('./upstream.ts', ['3']);
  try {
    const { ports } = await firstLine<{ ports: number[] }>(far);
    const ours: Begin = (index) => startOurs(ports, folder, index);
    const envoy = findProgram('envoy');
    let lost = 0;
    for (const [name, exercise] of EXERCISES) {
      lost += await run(name, exercise, ours, times, rate);
      if (envoy === null)
        console.log(`  Envoy: skipped: envoy is not on this machine (scripts/peers installs it)`);
      else if (name !== 'reload') {
        const theirs: Begin = (index) =>
          startEnvoy(envoy, ports, folder, (process.pid % 30_000) + index * 31);
        await run(name, exercise, theirs, Math.min(times, ENVOY_TIMES), rate);
      } else console.log('  Envoy: skipped: a static configuration is reloaded by a hot restart');
    }
    lost += await rollingRestart();
    console.log(lost === 0 ? '0 lost' : `${lost} LOST`);
    if (lost > 0) process.exitCode = 1;
  } finally {
    await end(far);
    rmSync(folder, { recursive: true, force: true });
  }
}

const EXERCISES: readonly (readonly [string, Exercise])[] = [
  [
    'hot restart',
    async (begin, callers, times) => {
      const subject = await begin(0);
      callers.aim([subject.address]);
      await repeat(callers, times, () => subject.hotRestart());
      return [subject];
    },
  ],
  [
    'reload',
    async (begin, callers, times) => {
      const subject = await begin(0);
      callers.aim([subject.address]);
      await repeat(callers, times, async () => subject.reload?.());
      return [subject];
    },
  ],
  [
    'drain',
    async (begin, callers, times) => {
      const all = [await begin(0)];
      callers.aim([(all[0] as Subject).address]);
      await repeat(callers, times, async () => {
        const next = await begin(all.length);
        const leaving = all.at(-1) as Subject;
        all.push(next);
        await leaving.drain(() => callers.aim([next.address]));
      });
      return all;
    },
  ],
];

async function repeat(callers: Callers, times: number, change: () => Promise<void>): Promise<void> {
  callers.begin();
  await sleep(PACE_MS);
  for (let done = 0; done < times; done++) {
    await change();
    await sleep(PACE_MS);
  }
}

/** Prints what one subject lost; how many that were. */
async function run(
  name: string,
  exercise: Exercise,
  begin: Begin,
  times: number,
  rate: number,
): Promise<number> {
  const callers = new Callers(rate, STREAM_MS);
  const beganMs = performance.now();
  const subjects = await exercise(begin, callers, times);
  const { calls, streams, lostCalls, lostStreams, repeated, reasons } = await callers.end(GRACE_MS);
  const seconds = (performance.now() - beganMs) / 1_000;
  await Promise.all(subjects.map((subject) => subject.stop()));
  const why = [...reasons].map(([reason, count]) => `${reason}: ${count}`).join('; ');
  console.log(`${name}, ${(subjects[0] as Subject).name}, ${times} in a row, ${seconds.toFixed(0)} s`);
  console.log(
    `  calls   ${calls}, lost ${lostCalls}, sent once more because nobody had taken them ${repeated}`,
  );
  console.log(
    `  streams of ${STREAM_MS / 1_000} s   ${streams}, lost ${lostStreams}${why === '' ? '' : ` (${why})`}`,
  );
  return lostCalls + lostStreams;
}

/** In the real world; how many calls failed. */
async function rollingRestart(): Promise<number> {
  const command = [join(ROOT, 'bin/meshwright.js'), 'run', SCENARIO, '--world', 'real'];
  const child = start(process.execPath, command);
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  const [, calls, failed] = /calls +([\d,]+) .* ([\d,]+) failed/.exec(text) ?? [];
  console.log(`rolling restart of 30 instances, real world: ${code === 0 ? 'holds' : `exit code ${code}`}`);
  console.log(`  calls   ${calls ?? 'none'}, failed although they could be sent again ${failed ?? 'all'}`);
  const count = Number((failed ?? '1').replaceAll(',', ''));
  return code === 0 ? count : Math.max(1, count);
}
