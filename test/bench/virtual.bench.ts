/**
 * Speed of the virtual world through `runScenario` with journal, hash, faults and five checks, on the built package: calls
 * per second of CPU time, and how the cost of a call grows with calls, instances and sidecars. Each case is a process of
 * its own, warmed up by a shorter pass. CPU time includes the collector's and the compiler's threads.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { printRows, type Row } from './table.ts';

const CASE = fileURLToPath(new URL('./virtual-case.mjs', import.meta.url));
const CASE_MS_MAX = 60_000;
/** No further case of growth is begun later than this. */
const GROWTH_MS_MAX = 80_000;
const PROCESSES = 3;
const CALLS_PER_SECOND_GOAL = 400_000;
const GROWTH_GOAL = 2;

interface Case {
  calls: number;
  instances: number;
  sidecars: number;
  seed: number;
}

interface Told {
  calls: number;
  hash: string;
  outcome: string;
  verdicts: string[];
  error: string | null;
  cpuSeconds: number;
  /** Work that is not a call, but is paid for by the cost of one. */
  healthChecksPerCall: number;
  rssMb: number;
}

const MILLION: Case = { calls: 1_000_000, instances: 5, sidecars: 1, seed: 1 };
const FEW: Case = { ...MILLION, calls: 100_000 };
const MANY: Case = { ...MILLION, calls: 500_000 };

/** What is held against what: the first of each list is the base. */
const GROWTHS: readonly { of: string; cases: readonly (readonly [name: string, one: Case])[] }[] = [
  {
    of: 'calls',
    cases: [
      ['100 k', FEW],
      ['1 M', MILLION],
      ['10 M', { ...FEW, calls: 10_000_000 }],
    ],
  },
  {
    of: 'instances',
    cases: [
      ['5', MANY],
      ['50', { ...MANY, instances: 50 }],
      ['500', { ...MANY, instances: 500 }],
      ['5,000', { ...MANY, instances: 5_000 }],
    ],
  },
  {
    of: 'sidecars',
    cases: [
      ['1', MANY],
      ['10', { ...MANY, sidecars: 10 }],
      ['100', { ...MANY, sidecars: 100 }],
    ],
  },
];

/** Runs all cases and gives the rows, in less than two minutes. Throws when a case cannot be run or a check does not hold. */
export function measureVirtual(): Row[] {
  return [...measureSpeed(), ...measureGrowth()];
}

/** `--json` prints one line of JSON instead of the table. */
export default function bench(): void {
  printRows('virtual', measureVirtual(), process.argv.includes('--json'));
}

function measureSpeed(): Row[] {
  const runs = Array.from({ length: PROCESSES }, () => runCase(MILLION));
  if (new Set(runs.map(({ hash }) => hash)).size !== 1)
    throw new Error('the same seed gave different journals');
  const speeds = runs.map(({ calls, cpuSeconds }) => calls / cpuSeconds).sort((a, b) => a - b);
  const median = speeds[PROCESSES >> 1] as number;
  const [least, most] = [speeds[0] as number, speeds[PROCESSES - 1] as number].map((one) =>
    Math.round(one / 1e3),
  );
  const rssMb = Math.max(...runs.map((run) => run.rssMb));
  return [
    {
      name: 'calls per CPU second, 5 instances, 1 sidecar, all checks',
      value: median,
      unit: '1/s',
      goal: { bound: CALLS_PER_SECOND_GOAL, side: 'at least' },
      note: `median of ${PROCESSES} (${least} k .. ${most} k), ${Math.round(rssMb)} MB`,
    },
  ];
}

function measureGrowth(): Row[] {
  const beginMs = performance.now();
  const rows: Row[] = [];
  const known = new Map<Case, Told>();
  for (const { of, cases } of GROWTHS) {
    let baseUs = 0;
    for (const [index, [name, one]] of cases.entries()) {
      if (performance.now() - beginMs > GROWTH_MS_MAX) {
        process.stderr.write(`${of} ${name}: not measured, the time is up\n`);
        continue;
      }
      const told = known.get(one) ?? runCase(one);
      known.set(one, told);
      const costUs = (told.cpuSeconds * 1e6) / told.calls;
      const rss = `${Math.round(told.rssMb)} MB`;
      const cost = `${costUs.toFixed(2)} us a call`;
      if (baseUs === 0) baseUs = costUs;
      else
        rows.push({
          name: `cost of a call, ${of}: ${name} to ${cases[0]?.[0]}`,
          value: costUs / baseUs,
          unit: 'ratio',
          // Tenfold and a hundredfold have a goal; beyond, the cost is shown.
          goal: index <= 2 ? { bound: GROWTH_GOAL, side: 'at most' } : null,
          note: `${cost}, ${told.healthChecksPerCall.toFixed(4)} health checks a call, ${rss}`,
        });
    }
  }
  return rows;
}

function runCase(one: Case): Told {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [CASE, JSON.stringify(one)], {
    encoding: 'utf8',
    timeout: CASE_MS_MAX,
    killSignal: 'SIGKILL',
  });
  const what = `virtual-case.mjs ${JSON.stringify(one)}`;
  if (status !== 0) throw new Error(`${what} ended with ${signal ?? status}: ${stderr}`);
  const told = JSON.parse(stdout) as Told;
  if (told.outcome !== 'holds') {
    throw new Error(`${what}: ${told.outcome}; ${told.error ?? told.verdicts.join('; ')}`);
  }
  return told;
}
