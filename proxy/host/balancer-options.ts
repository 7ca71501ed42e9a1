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
import { type OptionReader, usage } from './option-reader.ts';

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
    throw usage(
      `the balancer ${name} has no use for ${setting}`,
      `--${setting}`,
      `leave it out, or use ${readers.join(' or ')}`,
    );
  }
  const base = DEFAULT_BALANCER;
  const config = {
    name,
    hashHeader: readHeader(read, name),
    panicThreshold: read.number('balancer.panicThreshold', base.panicThreshold, 0, 1),
    slowStartMs: read.number('balancer.slowStartMs', base.slowStartMs, 0, 86_400_000),
    slowStartFloor: read.number('balancer.slowStartFloor', base.slowStartFloor, 0.125, 1),
    choices: read.integer('balancer.choices', base.choices, 2, 10),
    decayMs: read.number('balancer.decayMs', base.decayMs, 1, 3_600_000),
    failurePenaltyMs: read.number('balancer.failurePenaltyMs', base.failurePenaltyMs, 0, 3_600_000),
    pointsPerWeight: read.integer('balancer.pointsPerWeight', base.pointsPerWeight, 1, 100_000),
    ringSizeMax: read.integer('balancer.ringSizeMax', base.ringSizeMax, 1_024, 8_388_608),
    tableSize: read.integer('balancer.tableSize', base.tableSize, 2, 5_000_011),
    ...readGroups(read),
    ...readLearning(read),
  };
  if (config.pointsPerWeight > config.ringSizeMax) {
    throw usage(
      `${config.pointsPerWeight} points per weight do not fit on a ring of ${config.ringSizeMax}`,
      'balancer.ringSizeMax',
      'make ringSizeMax larger, or pointsPerWeight smaller',
    );
  }
  if (!isPrime(config.tableSize)) {
    throw usage(
      `a table of ${config.tableSize} slots cannot be filled evenly`,
      'balancer.tableSize',
      'give a prime, such as 65537',
    );
  }
  return config;
}

/** Priorities, localities, subsets: for any balancer. */
function readGroups(read: OptionReader) {
  const base = DEFAULT_BALANCER;
  const subsetSize = read.integer('balancer.subsetSize', base.subsetSize, 0, 100_000);
  const given = read.text('balancer.subsetKey') ?? base.subsetKey;
  const config = {
    priorities: read.choice('balancer.priorities', PRIORITY_DIALECTS, base.priorities),
    overprovisioning: read.number('balancer.overprovisioning', base.overprovisioning, 1, 100),
    localities: read.choice('balancer.localities', LOCALITY_MODES, base.localities),
    ownLocality: read.text('locality') ?? base.ownLocality,
    subsetSize,
    // Many sidecars that have one configuration are still different ones.
    subsetKey: subsetSize === 0 ? given : given || `${hostname()} ${read.text('listen') ?? ''}`,
  };
  if (config.localities === 'nearest' && config.ownLocality === '') {
    throw usage(
      'the nearest endpoints are asked for, and nothing says where the sidecar itself is',
      '--locality',
      'give --locality REGION/ZONE, as discovery writes it',
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
    throw usage(what as string, `balancer.${setting}`, remedy as string);
  }
  return {
    loadReports,
    blackoutMs: read.number('balancer.blackoutMs', base.blackoutMs, 0, 3_600_000),
    expirationMs: read.number('balancer.expirationMs', base.expirationMs, 1, 86_400_000),
    // gRFC A58: not below 100 ms.
    weightUpdateMs: read.number('balancer.weightUpdateMs', base.weightUpdateMs, 100, 3_600_000),
    errorPenalty: read.number('balancer.errorPenalty', base.errorPenalty, 0, 1_000),
  };
}

function readName(read: OptionReader): BalancerName {
  const asked = read.text('balancer') ?? DEFAULT_BALANCER.name;
  const found = BALANCER_NAMES.find((known) => known === asked);
  if (found !== undefined) return found;
  throw usage(
    `there is no balancer ${JSON.stringify(asked)}`,
    '--balancer',
    `the nearest is ${nearestName(asked, BALANCER_NAMES)}; use one of ${BALANCER_NAMES.join(', ')}`,
  );
}

function readHeader(read: OptionReader, name: BalancerName): string {
  const header = (read.text('hash-header') ?? '').toLowerCase();
  const hashes = name === 'ring_hash' || name === 'maglev';
  if (hashes && header === '') {
    throw usage(`the balancer ${name} hashes no header`, '--hash-header', 'give --hash-header NAME');
  }
  // RFC 9110 §5.6.2, or a pseudo-header.
  if (header === '' || /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(header)) return header;
  throw usage(
    `${JSON.stringify(header)} names no header`,
    '--hash-header',
    'use letters, digits and dashes, e.g. x-user-id',
  );
}

function isPrime(size: number): boolean {
  for (let divisor = 2; divisor * divisor <= size; divisor++) if (size % divisor === 0) return false;
  return true;
}
