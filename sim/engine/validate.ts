/** Reads what a scenario says about mesh, load and checks: completes defaults, and refuses what cannot be run. */
import { scenarioError, show } from '../faults/params.ts';
import type { RegistrySpec } from '../spec/registry.ts';
import type { LoadSpec, ScenarioSpec, ServiceSpec, SidecarSpec, Latency, XdsSpec } from '../spec/scenario.ts';
import { judgeSidecar } from '../real/sidecar/judge.ts';
import { readOwnLocalities, readServiceGroups } from './validate-groups.ts';
import { readLoadReports } from './validate-load-reports.ts';
import { readRouting, readTold } from './validate-routing.ts';

/** A load with every default filled in. */
export type FullLoad = LoadSpec & {
  method: string;
  deadlineMs: number;
  requestName: string;
  directShare: number;
};

export const DEFAULT_METHOD = '/my_service.MyService/MyMethod';
const INSTANCES_MAX = 10_000;
const SIDECARS_MAX = 1_000;
const KEYS_MAX = 100_000;
const FOR_MS_MAX = 86_400_000;

/** The one service of the mesh: its name and its settings, checked. */
export function readService(spec: ScenarioSpec, place: string): { service: string; settings: ServiceSpec } {
  if (typeof spec !== 'object' || spec === null || typeof spec.mesh?.services !== 'object') {
    throw scenarioError('it names no mesh', place, 'write mesh: { services: { greeter: { instances: 3 } } }');
  }
  const names = Object.keys(spec.mesh.services);
  if (names.length !== 1) {
    throw scenarioError(
      `it has ${names.length} services`,
      `${place}, mesh.services`,
      'name exactly one service',
    );
  }
  const service = names[0] as string;
  const settings = spec.mesh.services[service] as ServiceSpec;
  const at = `${place}, mesh.services.${service}`;
  if (!/^[A-Za-z][\w.-]{0,62}$/.test(service)) {
    throw scenarioError(
      `'${service}' cannot name a service`,
      at,
      'use letters, digits, dots, dashes; a letter first',
    );
  }
  whole(settings.instances, 'instances', at, 1, INSTANCES_MAX);
  if (settings.latency !== undefined) readLatency(settings.latency, `${at}.latency`);
  for (const weight of settings.weights ?? []) whole(weight, 'weights', at, 1, 10_000);
  readServiceGroups(settings, at);
  readLoadReports(settings.loadReports, at);
  if (settings.startupMs !== undefined) number(settings.startupMs, 'startupMs', at, 0, 600_000);
  return { service, settings };
}

function readLatency(latency: Latency, place: string): void {
  if (latency.kind === 'constant') number(latency.ms, 'ms', place, 0, 600_000);
  else if (latency.kind === 'uniform') {
    number(latency.minMs, 'minMs', place, 0, 600_000);
    number(latency.maxMs, 'maxMs', place, latency.minMs, 600_000);
  } else if (latency.kind === 'lognormal') {
    number(latency.medianMs, 'medianMs', place, 0.001, 600_000);
    number(latency.p99Ms, 'p99Ms', place, latency.medianMs, 600_000);
  } else {
    throw scenarioError(
      `unknown distribution ${show(latency)}`,
      place,
      'use load.constant, load.uniform or load.lognormal',
    );
  }
}

/** The sidecar's settings, checked. */
export function readSidecar(spec: ScenarioSpec, place: string): SidecarSpec & { replicas: number } {
  const sidecar = spec.mesh.sidecar ?? {};
  const at = `${place}, mesh.sidecar`;
  const { replicas = 1 } = sidecar;
  whole(replicas, 'replicas', at, 1, SIDECARS_MAX);
  for (const service of Object.values(spec.mesh.services)) readOwnLocalities(sidecar, service, at);
  for (const service of Object.values(spec.mesh.services)) readRouting(sidecar, service.instances, at);
  if (sidecar.discovery !== undefined) {
    readDiscovery(sidecar.discovery, at);
    if (sidecar.discovery.kind === 'xds') readTold(sidecar, at);
    else if (sidecar.clusters !== undefined)
      throw scenarioError(
        "'discovery' and 'clusters' are given",
        at,
        'a registry tells of one cluster: give one of them',
      );
  }
  judgeSidecar(sidecar, at);
  return { ...sidecar, replicas };
}

const XDS_KEYS: readonly string[] = [
  'kind',
  'variant',
  'versions',
  'keepDeleted',
  'absentMs',
  'backoffBaseMs',
  'backoffMaxMs',
];

const REGISTRY_KEYS: readonly string[] = ['kind', 'ttlMs', 'settleMs', 'lapseShareMax'];

function readDiscovery(discovery: XdsSpec | RegistrySpec, place: string): void {
  if (discovery?.kind === 'registry') return readRegistry(discovery, place);
  if (discovery?.kind !== 'xds')
    throw scenarioError(
      `'discovery' is ${show(discovery)}`,
      place,
      "write discovery: { kind: 'xds' } or { kind: 'registry' }",
    );
  for (const key of Object.keys(discovery)) {
    if (XDS_KEYS.includes(key)) continue;
    throw scenarioError(`discovery has no setting '${key}'`, place, `it has ${XDS_KEYS.join(', ')}`);
  }
  const { variant = 'sotw', versions = 'any', keepDeleted = false } = discovery;
  if (variant !== 'sotw' && variant !== 'delta')
    throw scenarioError(`unknown variant ${show(variant)}`, place, "write 'sotw' or 'delta'");
  if (versions !== 'any' && versions !== 'rising')
    throw scenarioError(`'versions' is ${show(versions)}`, place, "write 'any' or 'rising'");
  if (typeof keepDeleted !== 'boolean')
    throw scenarioError(`'keepDeleted' is ${show(keepDeleted)}`, place, 'write true or false');
  for (const key of ['absentMs', 'backoffBaseMs', 'backoffMaxMs'] as const)
    optional(discovery[key], `discovery.${key}`, place, 1, 3_600_000);
}

function readRegistry(discovery: RegistrySpec, place: string): void {
  for (const key of Object.keys(discovery)) {
    if (REGISTRY_KEYS.includes(key)) continue;
    throw scenarioError(`discovery has no setting '${key}'`, place, `it has ${REGISTRY_KEYS.join(', ')}`);
  }
  optional(discovery.ttlMs, 'discovery.ttlMs', place, 100, 60_000);
  optional(discovery.settleMs, 'discovery.settleMs', place, 0, 3_600_000);
  optional(discovery.lapseShareMax, 'discovery.lapseShareMax', place, 0, 1);
}

/** A load, checked and completed. */
export function readLoad(load: LoadSpec, place: string): FullLoad {
  const at = `${place}, load`;
  if (load.kind === 'open') {
    number(load.ratePerSecond, 'ratePerSecond', at, 0.001, 100_000_000);
    if (load.arrivals !== 'constant' && load.arrivals !== 'poisson') {
      throw scenarioError(`unknown arrivals ${show(load.arrivals)}`, at, "write 'constant' or 'poisson'");
    }
  } else if (load.kind === 'closed') {
    whole(load.clients, 'clients', at, 1, 1_000_000);
    number(load.thinkMs, 'thinkMs', at, 0, 3_600_000);
  } else {
    throw scenarioError(`unknown load ${show(load)}`, at, 'use load.open or load.closed');
  }
  number(load.forMs, 'forMs', at, 1, FOR_MS_MAX);
  const {
    method = DEFAULT_METHOD,
    deadlineMs = 2_000,
    requestName = 'World',
    keys = 0,
    directShare = 0,
  } = load;
  if (typeof method !== 'string' || !/^\/[^/]+\/[^/]+$/.test(method)) {
    throw scenarioError(`'method' is ${show(method)}`, at, "write the full path, '/package.Service/Method'");
  }
  number(deadlineMs, 'deadlineMs', at, 0, 3_600_000);
  number(directShare, 'directShare', at, 0, 1);
  whole(keys, 'keys', at, 0, KEYS_MAX);
  return { ...load, method, deadlineMs, requestName, directShare };
}

/** The checks: at least one, each made by `check.*`. */
export function readChecks(spec: ScenarioSpec, place: string): void {
  const at = `${place}, checks`;
  if (!Array.isArray(spec.checks) || spec.checks.length === 0) {
    throw scenarioError(
      'it has no checks, so nothing could turn red',
      at,
      'add one, such as check.noLostRequests()',
    );
  }
  const seen = new Set<string>();
  for (const one of spec.checks) {
    if (typeof one?.start !== 'function') {
      throw scenarioError(`${show(one)} is not a check`, at, 'call one: check.failover({ withinMs: 500 })');
    }
    const key = `${one.name} ${JSON.stringify(one.params)}`;
    if (seen.has(key)) throw scenarioError(`check.${one.name} stands twice`, at, 'remove one of the two');
    seen.add(key);
  }
}

function whole(value: unknown, name: string, place: string, min: number, max: number): void {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return;
  throw scenarioError(`'${name}' is ${show(value)}`, place, `give a whole number from ${min} to ${max}`);
}

function number(value: unknown, name: string, place: string, min: number, max: number): void {
  if (typeof value === 'number' && value >= min && value <= max) return;
  throw scenarioError(`'${name}' is ${show(value)}`, place, `give a number from ${min} to ${max}`);
}

function optional(value: unknown, name: string, place: string, min: number, max: number): void {
  if (value !== undefined) number(value, name, place, min, max);
}
