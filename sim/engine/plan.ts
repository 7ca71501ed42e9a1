/** From a scenario to what will be done when: the mesh complete, each fault resolved to instances, all controls in order. */
import { toNs } from '../base/units.ts';
import type { Control } from '../faults/controls.ts';
import type { FaultDefinition } from '../faults/definition.ts';
import { FAULT_KINDS, FAULTS } from '../faults/index.ts';
import { numberIn, scenarioError, show } from '../faults/params.ts';
import type { FaultSpec, FaultMenu, Scenario } from '../spec/scenario.ts';
import type { RoutingSpec } from '../spec/routing.ts';
import type { MeshPlan } from '../spec/world.ts';
import { faultMenu } from './menu.ts';
import { Roster } from './roster.ts';
import { type FullLoad, readChecks, readLoad, readService, readSidecar } from './validate.ts';
import { readListing, readReroute } from './validate-routing.ts';
import { groupFacts } from './validate-groups.ts';
import { loadFacts } from './validate-load-reports.ts';

/** A fault with its parameters read and its instances known. */
export interface PlannedFault {
  index: number;
  atNs: number;
  target: string;
  definition: FaultDefinition;
  /** Position in the fault table: its code in the journal. */
  code: number;
  params: unknown;
  instances: readonly number[];
  /** Sidecars, for a fault on these. */
  sidecars: readonly number[];
}

/** A control at its time since load began. */
export interface TimedControl {
  atNs: number;
  order: number;
  fault: PlannedFault;
  control: Control;
  /** First control of this fault on this instance. */
  begins: boolean;
  heals: boolean;
}

export interface Plan {
  mesh: MeshPlan;
  load: FullLoad | null;
  /** How long load lasts; null where an imperative body decides. */
  totalNs: number | null;
  faults: readonly PlannedFault[];
  /** Sorted by (time, order). */
  controls: readonly TimedControl[];
  roster: Roster;
}

/** Instances that an imperative body may add: their names must be known before the run. */
const RESERVED = 64;
const FAULTS_MAX = 10_000;

/** Throws MeshwrightError MW_SCENARIO for whatever cannot be run. Pure: the same scenario gives the same plan. */
export function planScenario(scenario: Scenario): Plan {
  const { spec, body } = scenario;
  const place =
    scenario.file === null ? `scenario '${scenario.name}'` : `${scenario.file}, scenario '${scenario.name}'`;
  const { service, settings } = readService(spec, place);
  const sidecar = readSidecar(spec, place);
  readChecks(spec, place);
  readWorlds(spec.worlds, place);
  const load = spec.load === undefined ? null : readLoad(spec.load, place);
  if (load === null && body === null) {
    throw scenarioError('it has no load', place, 'add load: load.open({ ratePerSecond: 100, forMs: 5_000 })');
  }
  const roster = new Roster(service, settings.instances, sidecar.replicas, sidecar.discovery?.kind ?? null);
  const faults: PlannedFault[] = [];
  const controls: TimedControl[] = [];
  for (const fault of listFaults(scenario, place)) {
    const where = `${place}, faults, ${fault.kind} of ${show(fault.target)} at ${fault.atMs} ms`;
    refuseOutside(fault, load, where);
    const planned = planFault(fault, faults.length, roster, where, {
      sidecar,
      instances: settings.instances,
    });
    faults.push(planned.fault);
    for (const control of planned.controls) controls.push({ ...control, order: controls.length });
  }
  controls.sort((a, b) => a.atNs - b.atNs || a.order - b.order);
  const names = body === null ? roster.size : roster.size + RESERVED;
  const isolated = new Set<number>();
  for (const { control } of controls) if (ISOLATING.has(control.op)) isolated.add(control.instance);
  if (body !== null) for (let index = 0; index < names; index++) isolated.add(index);
  const mesh: MeshPlan = {
    service,
    instances: settings.instances,
    instanceNames: Array.from({ length: names }, (_, index) => roster.nameOf(index)),
    latency: settings.latency ?? { kind: 'constant', ms: 1 },
    weights: settings.weights ?? [],
    groups: groupFacts(settings, names),
    loads: loadFacts(settings.loadReports, names),
    startupMs: settings.startupMs ?? 50,
    sidecar,
    isolated,
    handsOver: body !== null || controls.some(({ control }) => control.op === 'sidecar'),
  };
  return { mesh, load, totalNs: load === null ? null : toNs(load.forMs), faults, controls, roster };
}

/** What needs a process of its own in the real world. */
const ISOLATING: ReadonlySet<string> = new Set(['kill', 'pause', 'stop']);

/** One fault: parameters read, instances resolved (and the roster moved on), controls made. Also used by `mesh.kill(…)`. */
export function planFault(
  spec: FaultSpec,
  index: number,
  roster: Roster,
  place: string,
  mesh: Pick<MeshPlan, 'sidecar' | 'instances'>,
): { fault: PlannedFault; controls: TimedControl[] } {
  const code = FAULT_KINDS.indexOf(spec.kind);
  const definition = FAULTS[code];
  if (definition === undefined) {
    throw scenarioError(`unknown fault '${spec.kind}'`, place, `faults are ${FAULT_KINDS.join(', ')}`);
  }
  const params = definition.parse(spec.params ?? {}, place);
  const count =
    definition.on === 'service'
      ? numberIn(spec.params, 'count', place, { min: 1, max: 10_000, whole: true, fallback: 1 })
      : 0;
  const struck = roster.strike(definition, spec.target, count, place, `${spec.atMs} ms`);
  if (definition.on === 'plane') readReroute(mesh, params as Pick<RoutingSpec, 'routes'>, place);
  const atNs = toNs(spec.atMs);
  const instances = struck.filter((one) => one.instance >= 0).map((one) => one.instance);
  const sidecars = struck.filter((one) => one.sidecar >= 0).map((one) => one.sidecar);
  const { target } = spec;
  const fault: PlannedFault = { index, atNs, target, definition, code, params, instances, sidecars };
  const controls: TimedControl[] = [];
  for (const site of struck) {
    definition.steps(params, { ...site, fault: index }).forEach((step, at) => {
      const { control, heals = false } = step;
      if (control.op === 'list') readListing(mesh.sidecar, control, place);
      controls.push({
        atNs: atNs + step.afterNs,
        order: controls.length,
        fault,
        control,
        begins: at === 0,
        heals,
      });
    });
  }
  return { fault, controls };
}

function listFaults(scenario: Scenario, place: string): FaultSpec[] {
  const { faults } = scenario.spec;
  if (faults === undefined) return [];
  if (typeof faults !== 'function') {
    throw scenarioError(
      "'faults' is not a function",
      place,
      "write faults: (at) => [at('2s').kill('greeter/1')]",
    );
  }
  const listed = faults((time) => {
    let atMs: number;
    try {
      atMs = toNs(time) / 1e6;
    } catch {
      throw scenarioError(
        `at(${show(time)}) is not a time`,
        `${place}, faults`,
        "write at(2_000), at('2s') or at('200ms')",
      );
    }
    return faultMenu(
      (kind, target, params): FaultSpec => ({ atMs, kind, target, params }),
    ) as FaultMenu<string>;
  });
  if (!Array.isArray(listed)) {
    throw scenarioError('faults() returned no list', place, 'return a list: (at) => [ … ]');
  }
  if (listed.length > FAULTS_MAX) {
    throw scenarioError(`it has ${listed.length} faults`, place, `at most ${FAULTS_MAX} fit in one run`);
  }
  return [...(listed as FaultSpec[])].sort((a, b) => a.atMs - b.atMs);
}

function refuseOutside(fault: FaultSpec, load: FullLoad | null, place: string): void {
  if (load === null || (fault.atMs >= 0 && fault.atMs < load.forMs)) return;
  throw scenarioError(
    `the fault is outside the run, which lasts ${load.forMs} ms`,
    place,
    `move it before ${load.forMs} ms, or make load.forMs longer`,
  );
}

function readWorlds(worlds: readonly string[] | undefined, place: string): void {
  if (worlds === undefined) return;
  const known =
    Array.isArray(worlds) && worlds.length > 0 && worlds.every((one) => one === 'virtual' || one === 'real');
  if (!known) throw scenarioError(`'worlds' is ${show(worlds)}`, place, "list 'virtual', 'real' or both");
}
