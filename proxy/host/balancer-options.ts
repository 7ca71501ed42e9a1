/** Which balancer is asked for and how it is set; what would mean nothing to it is refused. */
import {
  BALANCER_NAMES,
  type BalancerConfig,
  type BalancerName,
  DEFAULT_BALANCER,
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
