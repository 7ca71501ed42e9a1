/** Reads what a scenario says about its sidecar's balancer: a setting that it would not read is refused, as the sidecar does. */
import { scenarioError, show } from '../faults/params.ts';
import {
  type BalancerName,
  type BalancerSpec,
  BALANCERS,
  LOCALITY_MODES,
  PRIORITY_DIALECTS,
} from '../spec/balancer.ts';
import { readSetting, type Section, type Setting } from './settings.ts';

const ANY: Setting = [0, 8_388_608];
const MS: Setting = [0, 86_400_000];
const SLOW_START: Section = { slowStartMs: MS, slowStartFloor: [0.125, 1] };
const HASHES: Section = { hashHeader: 'text' };
/** Those of weights learned from load reports. */
const LEARNING: Section = {
  blackoutMs: [0, 3_600_000],
  expirationMs: [1, 86_400_000],
  weightUpdateMs: [100, 3_600_000],
  errorPenalty: [0, 1_000],
};
const COMMON: Section = {
  panicThreshold: [0, 1],
  priorities: PRIORITY_DIALECTS,
  overprovisioning: [1, 100],
  localities: LOCALITY_MODES,
  subsetSize: [0, 100_000],
};
/** What each balancer can be told beside that. */
const SETTINGS: Partial<Record<BalancerName, Section>> = {
  weighted_round_robin: { ...SLOW_START, loadReports: 'flag', ...LEARNING },
  least_request: { choices: [2, 10], ...SLOW_START },
  p2c_ewma: { decayMs: ANY, failurePenaltyMs: ANY },
  ring_hash: { ...HASHES, pointsPerWeight: ANY, ringSizeMax: ANY },
  maglev: { ...HASHES, tableSize: ANY },
};

export function readBalancer(balancer: BalancerName | BalancerSpec, place: string): void {
  const { name, ...rest } = typeof balancer === 'object' ? balancer : { name: balancer };
  if (!BALANCERS.includes(name)) {
    throw scenarioError(`unknown balancer ${show(name)}`, place, `write one of ${BALANCERS.join(', ')}`);
  }
  const known: Section = { ...COMMON, ...SETTINGS[name] };
  for (const [key, value] of Object.entries(rest)) {
    const setting = known[key];
    if (setting === undefined) {
      const said = `the balancer ${name} has no setting '${key}'`;
      throw scenarioError(said, place, `it has ${Object.keys(known).join(', ')}`);
    }
    if (value !== undefined) readSetting(value, setting, `balancer.${key}`, place);
  }
  if (!Number.isInteger(rest.subsetSize ?? 0)) {
    const said = `'balancer.subsetSize' is ${show(rest.subsetSize)}`;
    throw scenarioError(said, place, 'give a whole number');
  }
  refuseIdle(rest, place);
}

/** What would mean nothing beside the rest is refused, as the sidecar does. */
function refuseIdle(given: Omit<BalancerSpec, 'name'>, place: string): void {
  const has = (key: keyof typeof given): boolean => given[key] !== undefined;
  const { loadReports, priorities = 'envoy', localities = 'ignore', subsetSize = 0, slowStartMs = 0 } = given;
  const early = Object.keys(LEARNING).find((key) => has(key as keyof typeof given));
  const rows: [isIdle: boolean, said: string, remedy: string][] = [
    [
      loadReports === true && slowStartMs > 0,
      "'loadReports' and 'slowStartMs' are given",
      'leave one out: weights that are learned have a blackout',
    ],
    [
      loadReports !== true && early !== undefined,
      `'balancer.${early}' is of learned weights`,
      'add loadReports: true, or leave it out',
    ],
    [
      has('slowStartFloor') && slowStartMs === 0,
      "'balancer.slowStartFloor' is given, and there is no slow start",
      'add slowStartMs, or leave it out',
    ],
    [
      priorities === 'ignore' && subsetSize > 0,
      'a subset is drawn of each priority, and priorities are ignored',
      'leave out priorities, or subsetSize',
    ],
    [
      has('overprovisioning') && priorities !== 'envoy' && localities === 'ignore',
      `'balancer.overprovisioning' means nothing to priorities: '${priorities}'`,
      "leave it out, or use priorities: 'envoy'",
    ],
  ];
  for (const [isIdle, said, remedy] of rows) if (isIdle) throw scenarioError(said, place, remedy);
}
