/**
 * `npm run failover -- [--seeds N] [--first SEED]`: how long after the death of an instance the sidecars still send it
 * attempts, in the virtual world, for every seed. Bound: health interval × threshold + one round trip (FO-34). The
 * instance dies silently (it stands still: only checks can tell) or at once (its connections break). Exit code 1 beyond the bound.
 */
import { parseArgs } from 'node:util';
import { Kind, type EventView, INSTANCE_STATES } from '../sim/journal/events.ts';
import { load } from '../sim/engine/load.ts';
import { runScenario } from '../sim/engine/run.ts';
import { scenario } from '../sim/engine/scenario.ts';
import type { WorldFactory } from '../sim/engine/worlds.ts';
import { createVirtualWorld } from '../sim/virtual/world.ts';
import type { CheckRun, CheckSpec } from '../sim/spec/check.ts';

const INTERVAL_MS = 100;
const TIMEOUT_MS = 45;
/** Both ways through the virtual network. */
const ROUND_TRIP_MS = 0.2;
const SEEDS = 10_000;

export interface Death {
  kind: 'kill' | 'pause';
  threshold: number;
  /** From the death to the last attempt sent there, ms; 0: none was. */
  lastMs: number;
  boundMs: number;
  /** Attempts sent after the death. */
  attempts: number;
}

export default async function printBound(): Promise<void> {
  const options = { seeds: { type: 'string' }, first: { type: 'string' } } as const;
  const { values } = parseArgs({ options, args: process.argv.slice(2) });
  const seeds = Number(values.seeds ?? SEEDS);
  const first = Number(values.first ?? 1);
  const deaths: Death[] = [];
  let beyond = 0;
  for (let seed = first; seed < first + seeds; seed++) {
    const death = await dieOnce(seed);
    deaths.push(death);
    if (death.lastMs <= death.boundMs) continue;
    beyond++;
    console.error(
      `seed ${seed}: ${death.kind}, last attempt after ${death.lastMs} ms, beyond ${death.boundMs} ms`,
    );
  }
  for (const kind of ['kill', 'pause'] as const) {
    for (const threshold of [2, 3])
      print(deaths.filter((one) => one.kind === kind && one.threshold === threshold));
  }
  console.log(`\n${seeds - beyond} of ${seeds} seeds within health interval × threshold + one round trip`);
  if (beyond > 0) process.exitCode = 1;
}

/** One run: what dies, how and when comes from the seed. */
export async function dieOnce(seed: number): Promise<Death> {
  const kind = seed % 2 === 0 ? 'kill' : 'pause';
  const threshold = 2 + (Math.floor(seed / 2) % 2);
  const atMs = 150 + ((seed * 7_919) % 1_000) / 5;
  const victim = `greeter/${seed % 4}` as const;
  const death = new LastAttempt();
  const one = scenario(`seed ${seed}`, {
    mesh: {
      services: { greeter: { instances: 4, latency: load.uniform({ minMs: 1, maxMs: 20 }) } },
      sidecar: {
        replicas: 2,
        health: { intervalMs: INTERVAL_MS, timeoutMs: TIMEOUT_MS, unhealthyThreshold: threshold },
        retry: { budget: 1, budgetMinConcurrent: 100 },
      },
    },
    load: load.open({ ratePerSecond: 1_000, arrivals: 'poisson', deadlineMs: 1_000, forMs: atMs + 450 }),
    faults: (at) => [kind === 'kill' ? at(atMs).kill(victim) : at(atMs).pause(victim, { for: '10s' })],
    checks: [death.spec],
  });
  const createWorld: WorldFactory = (inner) => createVirtualWorld({ ...inner, yieldControl });
  const { error } = await runScenario(one, { world: 'virtual', seed, createWorld });
  if (error !== null) throw new Error(`seed ${seed}: ${error.message}`);
  const boundMs = INTERVAL_MS * threshold + ROUND_TRIP_MS;
  return { kind, threshold, lastMs: death.lastMs, boundMs, attempts: death.attempts };
}

const yieldControl = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

/** Watches the journal for the death and for attempts after it. */
class LastAttempt implements CheckRun {
  readonly kinds = [Kind.instanceState, Kind.attemptSent];
  readonly spec: CheckSpec = { name: 'lastAttempt', params: {}, start: () => this };
  attempts = 0;
  lastMs = 0;
  #instance = -1;
  #diedNs = 0;

  onEvent({ kind, instance, code, tNs }: EventView): void {
    if (kind === Kind.instanceState) {
      const state = INSTANCE_STATES[code];
      if (state !== 'dead' && state !== 'paused') return;
      if (this.#instance >= 0) return;
      this.#instance = instance;
      this.#diedNs = tNs;
    } else if (instance === this.#instance) {
      this.attempts++;
      this.lastMs = (tNs - this.#diedNs) / 1e6;
    }
  }

  finish() {
    const explanation = `${this.attempts} attempts after the death.`;
    return {
      check: 'lastAttempt',
      params: {},
      outcome: 'holds',
      exercised: 1,
      explanation,
      firstAtMs: null,
      evidence: [],
    } as const;
  }
}

function print(deaths: readonly Death[]): void {
  const [first] = deaths;
  if (first === undefined) return;
  const lasts = deaths.map(({ lastMs }) => lastMs).sort((a, b) => a - b);
  const at = (share: number): string => (lasts[Math.floor(share * (lasts.length - 1))] as number).toFixed(2);
  const what = first.kind === 'kill' ? 'killed  ' : 'silent  ';
  const figures = `p50 ${at(0.5)} ms · p99 ${at(0.99)} ms · max ${at(1)} ms`;
  console.log(
    `${what} threshold ${first.threshold}  ${String(deaths.length).padStart(5)} deaths · last attempt after ${figures} · bound ${first.boundMs} ms`,
  );
}
