/**
 * A scenario's sidecar is judged by what judges the sidecar's own configuration: the same schema, the same ranges, the same
 * contradictions. So both worlds refuse the same, before a run.
 */
import { readConfig } from '../../../proxy/host/config-file.ts';
import { nearestName } from '../../../proxy/host/nearest-name.ts';
import { resolveOptions } from '../../../proxy/host/options.ts';
import { scenarioError } from '../../faults/params.ts';
import type { SidecarSpec } from '../../spec/scenario.ts';
import { FAILOVER_SECTIONS, sidecarConfig } from './config.ts';

const KEYS: readonly (keyof SidecarSpec)[] = [
  'replicas',
  'balancer',
  'localities',
  'discovery',
  'health',
  'retry',
  'timeout',
  ...FAILOVER_SECTIONS,
  'clusters',
  'routes',
  'tag',
  'drainDelayMs',
  'drainMs',
];

/** Throws a scenario's error with the key and the fix. */
export function judgeSidecar(spec: SidecarSpec, place: string): void {
  const stranger = Object.keys(spec).find((key) => !KEYS.includes(key as keyof SidecarSpec));
  if (stranger !== undefined) {
    const remedy = `the nearest is ${nearestName(stranger, KEYS)}; it has ${KEYS.join(', ')}`;
    throw scenarioError(`there is no setting '${stranger}'`, place, remedy);
  }
  // Who follows a control plane hears of routes from it; what they say of policies is judged all the same.
  const { discovery, ...rest } = spec;
  if (discovery !== undefined) judge(spec, place);
  if (discovery === undefined || spec.routes !== undefined) judge(rest, place);
}

function judge(spec: SidecarSpec, place: string): void {
  const source = { listen: '127.0.0.1:1', service: 'any' };
  const endpoints = spec.discovery === undefined ? { endpoints: 'endpoints.json' } : {};
  // What is written is what is read: as the file of a real sidecar.
  const config: unknown = JSON.parse(
    JSON.stringify({ listen: '127.0.0.1:0', ...endpoints, ...sidecarConfig(spec, 0, source) }),
  );
  try {
    resolveOptions({}, readConfig(config, ''));
  } catch (error) {
    if (!(error instanceof Error && 'remedy' in error && 'place' in error)) throw error;
    const key = String(error.place).replace(' in the configuration file', '');
    throw scenarioError(error.message, key === '' ? place : `${place}, ${key}`, String(error.remedy));
  }
}
