/**
 * What a configuration file may hold: the one schema, which checks it, and which editors get as JSON Schema
 * (`meshwright schema`). What else a value has to be is checked with the flags, whose texts say more.
 */
import { z } from 'zod';
import { BALANCER_NAMES, HEALTH_MODES, LOCALITY_MODES, PRIORITY_DIALECTS } from '../policy/config.ts';
import { DISCOVERY_SCHEMA } from './discovery-schema.ts';
import { FAILOVER_SCHEMA } from './failover-schema.ts';
import { routingShape } from './routing-schema.ts';

const milliseconds = (what: string) => z.number().min(0).describe(`${what}, in milliseconds`).optional();
const count = (what: string) => z.int().min(0).describe(what).optional();
const text = (what: string) => z.string().describe(what).optional();
const balancerName = z.string().describe(`one of ${BALANCER_NAMES.join(', ')}`);
const amount = z.number({ error: 'a limit is a number' });

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
        panicThreshold: z
          .number()
          .min(0)
          .max(1)
          .describe('below this share of healthy endpoints unhealthy ones are picked, too; 0: never')
          .optional(),
        slowStartMs: milliseconds(
          'weighted_round_robin, least_request: until a new endpoint has its whole weight',
        ),
        slowStartFloor: z
          .number()
          .min(0.125)
          .max(1)
          .describe('the share of its weight that a new endpoint has at first')
          .optional(),
        choices: count('least_request: endpoints looked at for each pick, 2 to 10'),
        decayMs: milliseconds('p2c_ewma: after so long, 1/e of a latency is still remembered'),
        failurePenaltyMs: milliseconds('p2c_ewma: a failed attempt counts as one that took so long'),
        pointsPerWeight: count('ring_hash: points on the ring per unit of weight'),
        ringSizeMax: count('ring_hash: most points on the ring'),
        tableSize: count('maglev: slots of the table, a prime'),
        priorities: z
          .enum(PRIORITY_DIALECTS)
          .describe(
            'envoy (the default): calls spill over to the next priority by share of health; a56: all go to the first that has anyone ready; ignore',
          )
          .optional(),
        overprovisioning: z
          .number()
          .min(1)
          .max(100)
          .describe(
            'a priority or locality bears all its calls until its share of healthy ones is below 1 ÷ this',
          )
          .optional(),
        localities: z
          .enum(LOCALITY_MODES)
          .describe(
            'ignore (the default); weighted: by the weights of localities; nearest: the own one first',
          )
          .optional(),
        ownLocality: text('the own one: region/zone, or less or more of it; as --locality'),
        subsetSize: count('so many endpoints of each priority are all that this sidecar uses; 0: all'),
        subsetKey: text(
          'by what it draws them: its own name, the same after a restart (default: host and listen)',
        ),
        loadReports: z
          .boolean()
          .describe('weighted_round_robin: weights are learned from load reports in trailers')
          .optional(),
        blackoutMs: milliseconds('load reports: a weight counts so long after the first one'),
        expirationMs: milliseconds('load reports: a weight counts until so long after the last one'),
        weightUpdateMs: milliseconds('load reports: how often weights are looked at'),
        errorPenalty: z
          .number()
          .min(0)
          .describe('load reports: what a share of errors of 1 counts for beside a utilization of 1')
          .optional(),
      }),
    ])
    .describe('how calls are spread')
    .optional(),
  workers: count('processes that share the callers'),
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
  drainDelayMs: milliseconds('before draining: not ready, yet serving all who come, for so long'),
  drainMs: milliseconds('time for calls in flight at shutdown'),
  health: z
    .strictObject({
      intervalMs: z.number().min(0).describe('from check to check, in milliseconds'),
      timeoutMs: milliseconds('a check without answer for this long failed'),
      unhealthyThreshold: count('failures in a row that take an endpoint out'),
      healthyThreshold: count('successes in a row that bring it back'),
      service: text('service asked for; empty: the whole server'),
      mode: z
        .enum(HEALTH_MODES)
        .describe('check: Check of grpc.health.v1; watch: its Watch; tcp: connecting is enough')
        .optional(),
      jitter: z
        .number()
        .min(0)
        .max(1)
        .describe('an interval is shorter by up to this share, at random')
        .optional(),
    })
    .describe('active health checks')
    .optional(),
  retry: z
    .strictObject({
      attempts: count('attempts per call, the first included; 1 switches retries off'),
      retryableStatuses: z.array(z.int().min(1).max(16)).describe('grpc-status numbers to retry').optional(),
      budget: z.number().min(0).describe('retries alive as a share of calls alive').optional(),
      budgetMinConcurrent: count('retries always allowed at a time'),
      backoffBaseMs: milliseconds('wait before the first retry'),
      backoffMaxMs: milliseconds('longest wait before a retry'),
      perTryTimeoutMs: milliseconds('one attempt may take this long'),
      bufferBytesMax: count('request octets kept for a replay'),
    })
    .optional(),
  timeout: z
    .strictObject({
      callMs: milliseconds('deadline for calls that bring none'),
      callMaxMs: milliseconds('longest deadline of any call, whatever it brings; 0: no bound'),
      connectMs: milliseconds('time to connect to an endpoint'),
    })
    .optional(),
  ...FAILOVER_SCHEMA,
  limits: z
    .record(z.string(), z.union([amount, z.record(z.string(), amount)]))
    .describe(
      'bounds of the HTTP/2 engine and its sockets by name, or under server and client: docs/limits.md',
    )
    .optional(),
});

const { upstream, endpoints, balancer, health, retry, timeout } = PLAIN_SCHEMA.shape;
const CLUSTER = { upstream, endpoints, balancer, health, retry, timeout, ...FAILOVER_SCHEMA };

const ROUTE = { retry, timeout, rateLimit: FAILOVER_SCHEMA.rateLimit };

export const CONFIG_SCHEMA = PLAIN_SCHEMA.extend(routingShape(z.strictObject(CLUSTER), ROUTE));

export type ConfigFile = z.infer<typeof CONFIG_SCHEMA>;

/** For editors: JSON Schema (draft 2020-12) of the file. */
export function configJsonSchema(): object {
  const schema = z.toJSONSchema(CONFIG_SCHEMA, { io: 'input' });
  return { title: 'Configuration of a meshwright sidecar', ...schema };
}
