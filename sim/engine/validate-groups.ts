/** Reads what a scenario says about priorities and localities, of instances and of sidecars. */
import { scenarioError, show } from '../faults/params.ts';
import { groupSettings } from '../spec/balancer.ts';
import type { ServiceSpec, SidecarSpec } from '../spec/scenario.ts';
import type { GroupFacts } from '../spec/balancer.ts';

const PRIORITY_MAX = 127;
const WEIGHT_MAX = 1_000_000;
/** Of a locality: 'region', 'region/zone' or 'region/zone/subzone'. */
const NAME = /^[\w.-]+(\/[\w.-]+){0,2}$/;

/** Priorities and localities of a service's instances. `place` is the service's. */
export function readServiceGroups(service: ServiceSpec, place: string): void {
  const { priorities, localities, localityWeights } = service;
  const isPriority = (one: unknown): boolean => isWhole(one, PRIORITY_MAX);
  readList(priorities, 'priorities', isPriority, `whole numbers from 0 to ${PRIORITY_MAX}`, place);
  readList(localities, 'localities', isLocality, "names such as 'eu/a'", place);
  for (const [locality, weight] of Object.entries(localityWeights ?? {})) {
    if (localities?.includes(locality) !== true) {
      const known = [...new Set(localities ?? [])].map((one) => `'${one}'`).join(', ');
      const remedy = known === '' ? "add localities: ['eu/a', …]" : `localities are ${known}`;
      throw scenarioError(`'localityWeights' names '${locality}', where no instance is`, place, remedy);
    }
    if (isWhole(weight, WEIGHT_MAX)) continue;
    const said = `the weight of locality '${locality}' is ${show(weight)}`;
    throw scenarioError(said, place, `give a whole number from 0 to ${WEIGHT_MAX}`);
  }
}

/** Where the sidecars themselves are, and whether they can hear of what they are to go by. `place` is the sidecar's. */
export function readOwnLocalities(sidecar: SidecarSpec, service: ServiceSpec, place: string): void {
  readList(sidecar.localities, 'localities', isLocality, "names such as 'eu/a'", place);
  const isNearest = groupSettings(sidecar.balancer).localities === 'nearest';
  if (isNearest && (sidecar.localities ?? []).length === 0) {
    const said = 'the nearest instances are asked for, and nothing says where the sidecar itself is';
    throw scenarioError(said, place, "add sidecar: { localities: ['eu/a'] }");
  }
  if (sidecar.discovery?.kind !== 'registry') return;
  for (const name of ['priorities', 'localities'] as const) {
    if (service[name] === undefined) continue;
    const said = `the service has ${name}, and a registry of leases tells nothing of them`;
    throw scenarioError(said, place, `leave out ${name} or discovery`);
  }
}

/** What discovery says of each of these instances; only what differs from what is meant when nothing is said. */
export function groupFacts(service: ServiceSpec, instances: number): GroupFacts[] {
  const { priorities = [], localities = [], localityWeights = {} } = service;
  return Array.from({ length: instances }, (_, instance) => {
    const facts: GroupFacts = {};
    const priority = priorities[instance] ?? 0;
    const locality = localities[instance] ?? '';
    const localityWeight = localityWeights[locality];
    if (priority > 0) facts.priority = priority;
    if (locality !== '') facts.locality = locality;
    if (localityWeight !== undefined) facts.localityWeight = localityWeight;
    return facts;
  });
}

function readList(
  list: unknown,
  name: string,
  isGood: (one: unknown) => boolean,
  wanted: string,
  place: string,
): void {
  if (list === undefined) return;
  const bad = Array.isArray(list) ? list.findIndex((one) => !isGood(one)) : -1;
  if (Array.isArray(list) && bad < 0) return;
  const said = Array.isArray(list) ? `'${name}' has ${show(list[bad])}` : `'${name}' is ${show(list)}`;
  throw scenarioError(said, place, `list ${wanted}`);
}

function isLocality(one: unknown): boolean {
  return typeof one === 'string' && (one === '' || NAME.test(one));
}

function isWhole(value: unknown, max: number): boolean {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= max;
}
