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
  for (const key of Object.keys(rest)) {
    if (rest.loadReports === true ? key !== 'slowStartMs' : !(key in LEARNING)) continue;
    if (rest.loadReports === true) {
      const said = "'loadReports' and 'slowStartMs' are given";
      throw scenarioError(said, place, 'leave one out: weights that are learned have a blackout');
    }
    throw scenarioError(`'balancer.${key}' is of learned weights`, place, 'add loadReports: true');
  }
}
