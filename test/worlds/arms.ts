/** One body, two arms: runs a scenario in a world and gives its record with its events, times counted from when load began. */
import { expect } from 'vitest';
import { runScenario } from '../../sim/engine/run.ts';
import { defineScenario } from '../../sim/engine/scenario.ts';
import { type EventView, INSTANCE_STATES, Kind } from '../../sim/journal/events.ts';
import type { ScenarioRecord } from '../../sim/spec/run-record.ts';
import type { ScenarioSpec } from '../../sim/spec/scenario.ts';

export type World = 'virtual' | 'real';
export type Told = EventView & { tMs: number };

export class Seen {
  readonly record: ScenarioRecord;
  readonly #events: Told[];

  constructor(record: ScenarioRecord, events: Told[]) {
    this.record = record;
    this.#events = events;
  }

  /** Events of a kind on an instance, in [fromMs, toMs). */
  on(kind: Kind, instance: number, fromMs = 0, toMs = Infinity): Told[] {
    return this.#events.filter(
      (one) => one.kind === kind && one.instance === instance && one.tMs >= fromMs && one.tMs < toMs,
    );
  }

  /** When the instance came into a state for the first time since load began; a failed expectation when it never did. */
  whenMs(instance: number, state: (typeof INSTANCE_STATES)[number], fromMs = 0): number {
    const code = INSTANCE_STATES.indexOf(state);
    const found = this.on(Kind.instanceState, instance, fromMs).find((event) => event.code === code);
    expect(found, `greeter/${instance} ${state}`).toBeDefined();
    return (found as Told).tMs;
  }

  /** When the first control of a fault took effect, and when it was lifted (Infinity: never). */
  spanMs(fault: number): { fromMs: number; toMs: number } {
    const of = (kind: Kind) => this.#events.find((one) => one.kind === kind && one.call === fault)?.tMs;
    return { fromMs: of(Kind.faultApplied) ?? Number.NaN, toMs: of(Kind.faultHealed) ?? Infinity };
  }

  get outcomes(): Record<string, string> {
    return Object.fromEntries(this.record.verdicts.map(({ check, outcome }) => [check, outcome]));
  }
}

export async function runIn(world: World, name: string, spec: ScenarioSpec<'greeter'>): Promise<Seen> {
  let events: Told[] = [];
  const record = await runScenario(defineScenario(name, spec), {
    world,
    seed: 11,
    retain: true,
    onJournal: (journal) => {
      events = [];
      journal.read((event) => {
        events.push({ ...event, tMs: event.tNs / 1e6 });
      });
    },
  });
  expect(record.error).toBeNull();
  const zeroMs = events.find((event) => event.kind === Kind.phase && event.code === 0)?.tMs ?? 0;
  for (const event of events) event.tMs -= zeroMs;
  return new Seen(record, events);
}
