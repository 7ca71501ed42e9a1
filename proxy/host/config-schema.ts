/**
 * What a configuration file may hold: the one schema, which checks it, and which editors get as JSON Schema
 * (`meshwright schema`). What settings have to be
 * to each other is checked with the flags, which may say part of it.
 */
import { z } from 'zod';
import { BALANCER_NAMES, HEALTH_MODES, LOCALITY_MODES, PRIORITY_DIALECTS } from '../policy/config.ts';
import { LIMITS } from '../wire/limits-table.ts';
import { DISCOVERY_SCHEMA } from './discovery-schema.ts';
import { FAILOVER_SCHEMA } from './failover-schema.ts';
import { HOST_LIMITS } from './limits-table.ts';
import { routingShape } from './routing-schema.ts';
import { amount, neededAmount, statuses, text, within } from './schema-parts.ts';

const balancerName = z.string().describe(`one of ${BALANCER_NAMES.join(', ')}`);
const LIMIT_SHAPE = Object.fromEntries(
  Object.entries({ ...LIMITS, ...HOST_LIMITS }).map(([name, { least, most, unit, bounds }]) => [
    name,
    within({ least, most, isWhole: true }, `${bounds} (${unit})`).optional(),
  ]),
);

const PLAIN_SCHEMA = z.strictObject({
  listen: text('HOST:PORT where callers connect; port 0 lets the system choose'),
  upstream: z
    .union([z.string(), z.array(z.string())])
    .describe('endpoints, each HOST:PORT or HOST:PORT=WEIGHT')
    .optional(),
  endpoints: text(
    'a watched YAML or JSON file of endpoints, instead of upstream; its path counts from this file',
  ),
  discovery: DISCOVERY_SCHEMA.describe('endpoints from elsewhere, instead of upstream').optional(),
  balancer: z
    .union([
      balancerName,
      z.strictObject({
        name: balancerName,
        hashHeader: text('ring_hash, maglev: the request header whose value decides'),
        panicThreshold: amount(
          'balancer.panicThreshold',
          'below this share of healthy endpoints unhealthy ones are picked, too; 0: never',
        ),
        slowStartMs: amount(
          'balancer.slowStartMs',
          'weighted_round_robin, least_request: until a new endpoint has its whole weight',
        ),
        slowStartFloor: amount(
          'balancer.slowStartFloor',
          'the share of its weight that a new endpoint has at first',
        ),
        choices: amount('balancer.choices', 'least_request: endpoints looked at for each pick, 2 to 10'),
        decayMs: amount('balancer.decayMs', 'p2c_ewma: after so long, 1/e of a latency is still remembered'),
        failurePenaltyMs: amount(
          'balancer.failurePenaltyMs',
          'p2c_ewma: a failed attempt counts as one that took so long',
        ),
        pointsPerWeight: amount(
          'balancer.pointsPerWeight',
          'ring_hash: points on the ring per unit of weight',
        ),
        ringSizeMax: amount('balancer.ringSizeMax', 'ring_hash: most points on the ring'),
        tableSize: amount('balancer.tableSize', 'maglev: slots of the table, a prime'),
        priorities: z
          .enum(PRIORITY_DIALECTS)
          .describe(
            'envoy (the default): calls spill over to the next priority by share of health; a56: all go to the first that has anyone ready; ignore',
          )
          .optional(),
        overprovisioning: amount(
          'balancer.overprovisioning',
          'a priority or locality bears all its calls until its share of healthy ones is below 1 ÷ this',
        ),
        localities: z
          .enum(LOCALITY_MODES)
          .describe(
            'ignore (the default); weighted: by the weights of localities; nearest: the own one first',
          )
          .optional(),
        ownLocality: text('the own one: region/zone, or less or more of it; as --locality'),
        subsetSize: amount(
          'balancer.subsetSize',
          'so many endpoints of each priority are all that this sidecar uses; 0: all',
        ),
        subsetKey: text(
          'by what it draws them: its own name, the same after a restart (default: host and listen)',
        ),
        loadReports: z
          .boolean()
          .describe('weighted_round_robin: weights are learned from load reports in trailers')
          .optional(),
        blackoutMs: amount(
          'balancer.blackoutMs',
          'load reports: a weight counts so long after the first one',
        ),
        expirationMs: amount(
          'balancer.expirationMs',
          'load reports: a weight counts until so long after the last one',
        ),
        weightUpdateMs: amount('balancer.weightUpdateMs', 'load reports: how often weights are looked at'),
        errorPenalty: amount(
          'balancer.errorPenalty',
          'load reports: what a share of errors of 1 counts for beside a utilization of 1',
        ),
      }),
    ])
    .describe('how calls are spread')
    .optional(),
  workers: amount('workers', 'processes that share the callers'),
  admin: text('HOST:PORT on loopback for /ready, /stats and /clusters'),
  tls: z
    .strictObject({ cert: z.string(), key: z.string() })
    .describe("TLS towards callers: PEM files of the certificate's chain and its key")
    .optional(),
  upstreamTls: z
    .union([
      z.boolean(),
      z.strictObject({
        ca: text('PEM file of the authorities that sign their certificates'),
        serverName: text('name that their certificates must hold'),
      }),
    ])
    .describe('TLS towards endpoints')
    .optional(),
  tag: z
    .union([z.string(), z.boolean()])
    .describe("a text in front of a reply's first string field; true: the usual one")
    .optional(),
  control: text('unix socket by which a new version takes the port over; its path counts from this file'),
  drainDelayMs: amount('drainDelayMs', 'before draining: not ready, yet serving all who come, for so long'),
  drainMs: amount('drainMs', 'time for calls in flight at shutdown'),
  health: z
    .strictObject({
      intervalMs: neededAmount('health.intervalMs', 'from check to check; 0: none'),
      timeoutMs: amount('health.timeoutMs', 'a check without answer for this long failed'),
      unhealthyThreshold: amount('health.unhealthyThreshold', 'failures in a row that take an endpoint out'),
      healthyThreshold: amount('health.healthyThreshold', 'successes in a row that bring it back'),
      service: text('service asked for; empty: the whole server'),
      mode: z
        .enum(HEALTH_MODES)
        .describe('check: Check of grpc.health.v1; watch: its Watch; tcp: connecting is enough')
        .optional(),
      jitter: amount('health.jitter', 'an interval is shorter by up to this share, at random'),
    })
    .describe('active health checks')
    .optional(),
  retry: z
    .strictObject({
      attempts: amount('retry.attempts', 'attempts per call, the first included; 1 switches retries off'),
      retryableStatuses: statuses('grpc-status numbers to retry'),
      budget: amount('retry.budget', 'retries alive as a share of calls alive'),
      budgetMinConcurrent: amount('retry.budgetMinConcurrent', 'retries always allowed at a time'),
      backoffBaseMs: amount('retry.backoffBaseMs', 'wait before the first retry'),
      backoffMaxMs: amount('retry.backoffMaxMs', 'longest wait before a retry'),
      perTryTimeoutMs: amount('retry.perTryTimeoutMs', 'one attempt may take this long'),
      bufferBytesMax: amount('retry.bufferBytesMax', 'request octets kept for a replay'),
    })
    .describe('failed calls are sent again')
    .optional(),
  timeout: z
    .strictObject({
      callMs: amount('timeout.callMs', 'deadline for calls that bring none'),
      callMaxMs: amount('timeout.callMaxMs', 'longest deadline of any call, whatever it brings; 0: no bound'),
      connectMs: amount('timeout.connectMs', 'time to connect to an endpoint'),
    })
    .describe('bounds of time')
    .optional(),
  ...FAILOVER_SCHEMA,
  limits: z
    .strictObject({
      ...LIMIT_SHAPE,
      server: z.strictObject(LIMIT_SHAPE).describe('towards callers').optional(),
      client: z.strictObject(LIMIT_SHAPE).describe('towards endpoints').optional(),
    })
    .describe('bounds of the HTTP/2 engine and its sockets: docs/limits.md')
    .optional(),
});

const { upstream, endpoints, balancer, health, retry, timeout } = PLAIN_SCHEMA.shape;
const CLUSTER = { upstream, endpoints, balancer, health, retry, timeout, ...FAILOVER_SCHEMA };

// Endpoints are connected to for all routes alike.
const routeTimeout = timeout.unwrap().pick({ callMs: true, callMaxMs: true }).optional();
const { rateLimit, waitForReady, messageLimit } = FAILOVER_SCHEMA;
const ROUTE = { retry, timeout: routeTimeout, rateLimit, waitForReady, messageLimit };

export const CONFIG_SCHEMA = PLAIN_SCHEMA.extend(routingShape(z.strictObject(CLUSTER), ROUTE));

export type ConfigFile = z.infer<typeof CONFIG_SCHEMA>;

/** For editors: JSON Schema (draft 2020-12) of the file. */
export function configJsonSchema(): object {
  const schema = z.toJSONSchema(CONFIG_SCHEMA, { io: 'input' });
  return { title: 'Configuration of a meshwright sidecar', ...schema };
}
