/** One attempt at a scenario in a world that is already chosen: start, load, faults, settle, stop, judge. */
import { Kind } from '../journal/events.ts';
import type { JournalFile } from '../journal/file.ts';
import { Journal } from '../journal/journal.ts';
import type { CheckContext, Outcome, Verdict } from '../spec/check.ts';
import type { RunStats, ScenarioRecord } from '../spec/run-record.ts';
import type { Scenario } from '../spec/scenario.ts';
import type { World } from '../spec/world.ts';
import { toNs } from '../base/units.ts';
import { Conductor } from './conductor.ts';
import { Gaps } from './gaps.ts';
import { meshFor } from './imperative.ts';
import { Judge } from './judge.ts';
import type { Plan, PlannedFault } from './plan.ts';
import type { RunOptions } from './run.ts';
import { Sightings } from './sightings.ts';
import { Stats } from './stats.ts';
import { TimelineBuilder } from './timeline.ts';
import type { FullLoad } from './validate.ts';
import type { WorldFactory } from './worlds.ts';
import { verdictOf } from '../checks/evidence.ts';

/** How far a run is. `totalMs` is null while an imperative body has not told. */
export interface Progress {
  scenario: string;
  world: 'virtual' | 'real';
  nowMs: number;
  totalMs: number | null;
  calls: number;
  failed: number;
}

type Options = RunOptions & { factory: WorldFactory; journalFile: JournalFile | null };
type Result = Omit<
  ScenarioRecord,
  'name' | 'shows' | 'file' | 'world' | 'seed' | 'replay' | 'wallMs' | 'journalFile'
>;

const PHASE = { loadBegins: 0, loadEnds: 1, runEnds: 2, runBegins: 3 } as const;
const SLICE_NS = { virtual: 1e9, real: 250e6 } as const;
const NEVER = new AbortController().signal;

/** Throws what the world or the scenario throws, after having stopped the world. */
export async function attempt(scenario: Scenario, plan: Plan, options: Options): Promise<Result> {
  const { world: kind, seed, signal = NEVER, folder = null, journalFile } = options;
  const journal = new Journal({ retain: options.retain === true });
  const faults: PlannedFault[] = [...plan.faults];
  const names = plan.mesh.instanceNames;
  const stats = new Stats(names, plan.mesh.weights ?? [], plan.mesh.sidecar, plan.mesh.groups);
  const timeline = new TimelineBuilder(names, plan.totalNs ?? 10e9);
  const sightings = new Sightings(faults);
  const gaps = new Gaps();
  const context = contextOf(kind, plan, faults);
  const checks = scenario.spec.checks.map((spec) => ({ spec, run: spec.start(context) }));
  journal.onChunk(new Judge([...checks.map(({ run }) => run), stats, timeline, sightings, gaps]).consume);
  if (journalFile !== null) journal.onChunk(journalFile.consume);
  const world = await options.factory({ mesh: plan.mesh, seed, journal, signal, folder: folder ?? '' });
  try {
    await conduct({ scenario, plan, options, signal, world, faults, stats });
  } finally {
    await world.stop();
    journal.finish();
  }
  const simulatedMs = world.nowNs / 1e6;
  const journalHash = journal.finish();
  journalFile?.finish(journalHash);
  options.onJournal?.(journal);
  const verdicts = checks.map(({ run }) => run.finish());
  const doubt = unobserved(faults, sightings);
  const gap = gaps.verdict();
  if (doubt !== null) verdicts.push(doubt);
  // A call that failed while nobody measured proves as little as one that did not.
  if (gap !== null) verdicts.splice(0, verdicts.length, ...verdicts.map(inDoubt), gap);
  return {
    journalHash,
    journalEvents: journal.length,
    outcome: worst(verdicts, scenario, kind),
    verdicts,
    error: null,
    simulatedMs,
    stats: trimmed(stats.finish(), plan.mesh.instances),
    timeline: timeline.finish(faults, (fault) => sightings.observed(fault)),
  };
}

interface Stage {
  scenario: Scenario;
  plan: Plan;
  options: Options;
  world: World;
  faults: PlannedFault[];
  stats: Stats;
  signal: AbortSignal;
}

/** Start, load, faults or body, the rest of the load, and the calls still in flight. */
async function conduct(stage: Stage): Promise<void> {
  const { scenario, plan, options, world, faults, stats, signal } = stage;
  let endNs = 0;
  let graceNs = 1e9;
  const conductor = new Conductor({
    world,
    signal,
    sliceNs: SLICE_NS[options.world],
    concurrent: options.world === 'real',
    onSlice: () => {
      // A journal that cannot be written ends the run: nothing it finds could be shown.
      const trouble = options.journalFile?.trouble ?? null;
      if (trouble !== null) throw trouble;
      const { calls, failed } = world.live ?? stats;
      options.onProgress?.({
        scenario: scenario.name,
        world: options.world,
        nowMs: conductor.elapsedNs / 1e6,
        totalMs: endNs === 0 ? null : endNs / 1e6,
        calls,
        failed,
      });
    },
  });
  const startLoad = (load: FullLoad): void => {
    endNs = conductor.elapsedNs + toNs(load.forMs);
    graceNs = toNs(load.deadlineMs === 0 ? 10_000 : load.deadlineMs) + 1e9;
    world.note(Kind.phase, -1, -1, PHASE.loadBegins, -1);
    world.startLoad(load);
  };
  world.note(Kind.phase, -1, -1, PHASE.runBegins, options.seed | 0);
  await conductor.guard(world.start());
  conductor.begin();
  if (plan.load !== null) startLoad(plan.load);
  conductor.schedule(plan.controls);
  if (scenario.body !== null) {
    const place = `scenario '${scenario.name}'`;
    await scenario.body(meshFor({ conductor, plan, faults, startLoad }, place));
  }
  if (conductor.elapsedNs < endNs) await conductor.runTo(endNs);
  await conductor.join();
  world.note(Kind.phase, -1, -1, PHASE.loadEnds, -1);
  await conductor.guard(world.settle(graceNs));
  world.note(Kind.phase, -1, -1, PHASE.runEnds, -1);
}

function contextOf(world: 'virtual' | 'real', plan: Plan, faults: readonly PlannedFault[]): CheckContext {
  const { sidecar, instanceNames, weights = [], groups = [] } = plan.mesh;
  return {
    world,
    instanceNames,
    sidecars: sidecar.replicas,
    weights,
    groups,
    keys: plan.load?.keys ?? 0,
    sidecar,
    retryableStatuses: sidecar.retry?.retryableStatuses ?? [14],
    get faults() {
      return faults.map(({ definition, target, instances }) => {
        return { kind: definition.kind, target, instances, impact: definition.impact };
      });
    },
  };
}

/** A fault that was carried out but shows no effect: the run cannot tell what it was meant to tell. */
function unobserved(faults: readonly PlannedFault[], sightings: Sightings): Verdict | null {
  const silent = faults.filter((fault) => !sightings.observed(fault.index));
  const first = silent[0];
  if (first === undefined) return null;
  const named = silent
    .slice(0, 5)
    .map(({ definition, target, atNs }) => `${definition.kind} of ${target} at ${atNs / 1e6} ms`)
    .join(', ');
  const spec = { name: 'faultsObserved', params: {} };
  const said = `Nothing in the journal shows an effect of ${named}, so the run cannot tell what it was meant to tell.`;
  const hint = 'Is there load while it lasts, and does the fault last long enough to be felt?';
  return verdictOf(spec, 'inconclusive', faults.length - silent.length, `${said} ${hint}`);
}

/** What was found violated across a gap of the measuring process is no proof. */
function inDoubt(verdict: Verdict): Verdict {
  if (verdict.outcome !== 'violated') return verdict;
  return { ...verdict, outcome: 'inconclusive' };
}

const RANK: readonly Outcome[] = ['holds', 'not exercised', 'inconclusive', 'violated'];

/** The worst verdict; `not exercised` does not count where the check says that this world cannot exercise it. */
function worst(verdicts: readonly Verdict[], scenario: Scenario, world: 'virtual' | 'real'): Outcome {
  let rank = -1;
  verdicts.forEach((verdict, index) => {
    const worlds = scenario.spec.checks[index]?.worlds;
    if (verdict.outcome === 'not exercised' && worlds !== undefined && !worlds.includes(world)) return;
    rank = Math.max(rank, RANK.indexOf(verdict.outcome));
  });
  return rank < 0 ? 'not exercised' : (RANK[rank] as Outcome);
}

/** Leaves out instances that an imperative body might have added but did not. */
function trimmed(stats: RunStats, initial: number): RunStats {
  let last = stats.instances.length;
  while (last > initial && stats.instances[last - 1]?.attempts === 0) last -= 1;
  return { ...stats, instances: stats.instances.slice(0, last) };
}
