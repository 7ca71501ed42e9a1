/** Which balancer is asked for and how it is set; what would mean nothing to it is refused. */
import { hostname } from 'node:os';
import {
  BALANCER_NAMES,
  type BalancerConfig,
  type BalancerName,
  DEFAULT_BALANCER,
  LOCALITY_MODES,
  PRIORITY_DIALECTS,
} from '../policy/config.ts';
import { nearestName } from './nearest-name.ts';
import type { OptionReader } from './option-reader.ts';

/** Settings that only some balancers read, by their raw name. */
const OWN_SETTINGS: Readonly<Record<string, readonly BalancerName[]>> = {
  'hash-header': ['ring_hash', 'maglev'],
  'balancer.slowStartMs': ['weighted_round_robin', 'least_request'],
  'balancer.slowStartFloor': ['weighted_round_robin', 'least_request'],
  'balancer.choices': ['least_request'],
  'balancer.decayMs': ['p2c_ewma'],
  'balancer.failurePenaltyMs': ['p2c_ewma'],
  'balancer.pointsPerWeight': ['ring_hash'],
  'balancer.ringSizeMax': ['ring_hash'],
  'balancer.tableSize': ['maglev'],
  'balancer.loadReports': ['weighted_round_robin'],
  'balancer.blackoutMs': ['weighted_round_robin'],
  'balancer.expirationMs': ['weighted_round_robin'],
  'balancer.weightUpdateMs': ['weighted_round_robin'],
  'balancer.errorPenalty': ['weighted_round_robin'],
};

export function readBalancer(read: OptionReader): BalancerConfig {
  const name = readName(read);
  for (const [setting, readers] of Object.entries(OWN_SETTINGS)) {
    if (read.text(setting) === null || readers.includes(name)) continue;
    throw read.refusal(
      setting,
      `the balancer ${name} has no use for ${setting}`,
      `leave it out, or use ${readers.join(' or ')}`,
    );
  }
  const base = DEFAULT_BALANCER;
  const config = {
    name,
    hashHeader: readHeader(read, name),
    panicThreshold: read.number('balancer.panicThreshold', base.panicThreshold),
    slowStartMs: read.number('balancer.slowStartMs', base.slowStartMs),
    slowStartFloor: read.number('balancer.slowStartFloor', base.slowStartFloor),
    choices: read.number('balancer.choices', base.choices),
    decayMs: read.number('balancer.decayMs', base.decayMs),
    failurePenaltyMs: read.number('balancer.failurePenaltyMs', base.failurePenaltyMs),
    pointsPerWeight: read.number('balancer.pointsPerWeight', base.pointsPerWeight),
    ringSizeMax: read.number('balancer.ringSizeMax', base.ringSizeMax),
    tableSize: read.number('balancer.tableSize', base.tableSize),
    ...readGroups(read),
    ...readLearning(read),
  };
  if (config.pointsPerWeight > config.ringSizeMax) {
    throw read.refusal(
      'balancer.ringSizeMax',
      `${config.pointsPerWeight} points per weight do not fit on a ring of ${config.ringSizeMax}`,
      'make ringSizeMax larger, or pointsPerWeight smaller',
    );
  }
  if (!isPrime(config.tableSize)) {
    throw read.refusal(
      'balancer.tableSize',
      `a table of ${config.tableSize} slots cannot be filled evenly`,
      'give a prime, such as 65537',
    );
  }
  return config;
}

/** Priorities, localities, subsets: for any balancer. */
function readGroups(read: OptionReader) {
  const base = DEFAULT_BALANCER;
  const subsetSize = read.number('balancer.subsetSize', base.subsetSize);
  const given = read.text('balancer.subsetKey') ?? base.subsetKey;
  const config = {
    priorities: read.choice('balancer.priorities', PRIORITY_DIALECTS, base.priorities),
    overprovisioning: read.number('balancer.overprovisioning', base.overprovisioning),
    localities: read.choice('balancer.localities', LOCALITY_MODES, base.localities),
    ownLocality: read.text('locality') ?? base.ownLocality,
    subsetSize,
    // Many sidecars that have one configuration are still different ones.
    subsetKey: subsetSize === 0 ? given : given || `${hostname()} ${read.text('listen') ?? ''}`,
  };
  if (config.localities === 'nearest' && config.ownLocality === '') {
    throw read.refusal(
      'balancer.localities',
      'the nearest endpoints are asked for, and nothing says where the sidecar itself is',
      'give --locality REGION/ZONE, or ownLocality, as discovery writes it',
    );
  }
  return config;
}

/** Weights learned from load reports. */
function readLearning(read: OptionReader) {
  const base = DEFAULT_BALANCER;
  const loadReports = read.text('balancer.loadReports') === 'true';
  for (const setting of ['blackoutMs', 'expirationMs', 'weightUpdateMs', 'errorPenalty', 'slowStartMs']) {
    const given = read.text(`balancer.${setting}`) !== null;
    if (setting === 'slowStartMs' ? !(loadReports && given) : loadReports || !given) continue;
    const [what, remedy] = loadReports
      ? ['weights learned from load reports have a blackout instead of slow start', 'leave one of them out']
      : [`${setting} is of weights learned from load reports`, 'add loadReports: true'];
    throw read.refusal(`balancer.${setting}`, what as string, remedy as string);
  }
  return {
    loadReports,
    blackoutMs: read.number('balancer.blackoutMs', base.blackoutMs),
    expirationMs: read.number('balancer.expirationMs', base.expirationMs),
    // gRFC A58: not below 100 ms.
    weightUpdateMs: read.number('balancer.weightUpdateMs', base.weightUpdateMs),
    errorPenalty: read.number('balancer.errorPenalty', base.errorPenalty),
  };
}

function readName(read: OptionReader): BalancerName {
  const asked = read.text('balancer') ?? DEFAULT_BALANCER.name;
  const found = BALANCER_NAMES.find((known) => known === asked);
  if (found !== undefined) return found;
  throw read.refusal(
    'balancer',
    `there is no balancer ${JSON.stringify(asked)}`,
    `the nearest is ${nearestName(asked, BALANCER_NAMES)}; use one of ${BALANCER_NAMES.join(', ')}`,
  );
}

function readHeader(read: OptionReader, name: BalancerName): string {
  const header = read.header('hash-header', '');
  if (header !== '' || (name !== 'ring_hash' && name !== 'maglev')) return header;
  throw read.refusal(
    'balancer',
    `the balancer ${name} hashes no header`,
    'give --hash-header NAME, or hashHeader beside its name',
  );
}

function isPrime(size: number): boolean {
  for (let divisor = 2; divisor * divisor <= size; divisor++) if (size % divisor === 0) return false;
  return true;
}
