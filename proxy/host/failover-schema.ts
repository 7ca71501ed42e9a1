/** The part of the configuration file's schema that is about failover and overload. */
import { z } from 'zod';
import { EJECTION_CAPS } from '../policy/failover-config.ts';

const number = (what: string) => z.number().min(0).describe(what).optional();
const whole = (what: string) => z.int().min(0).describe(what).optional();
const statuses = (what: string) => z.array(z.int().min(1).max(16)).describe(what).optional();

const judged = {
  minHosts: whole('endpoints with enough calls that there must be'),
  minRequests: whole('calls in an interval without which nobody is judged'),
  enforcePercent: whole('how many of 100 that are found are ejected'),
};

export const FAILOVER_SCHEMA = {
  outlier: z
    .strictObject({
      intervalMs: number('between two sweeps, in milliseconds'),
      baseEjectionMs: number('the first ejection lasts so long, the n-th n times as long, in milliseconds'),
      maxEjectionMs: number('the longest ejection, in milliseconds'),
      jitterMs: number('each ejection lasts up to so much longer, in milliseconds'),
      maxEjectionPercent: whole('share of the endpoints that may be ejected, 0 to 100'),
      cap: z
        .enum(EJECTION_CAPS)
        .describe(
          'how that share is read: a50 may pass it by one, envoy never, envoy_at_least_one for the first only',
        )
        .optional(),
      consecutiveErrors: whole('errors in a row that eject; 0: any number is borne'),
      consecutiveGatewayErrors: whole('gateway errors in a row that eject; 0: any number is borne'),
      errorStatuses: statuses('grpc-status numbers that are errors'),
      gatewayStatuses: statuses('grpc-status numbers that are gateway errors'),
      healthyCheckUnejects: z.boolean().describe('a good health check ends an ejection').optional(),
      successRate: z
        .strictObject({
          stdevFactor: whole('thousandths of the standard deviation below the mean'),
          ...judged,
        })
        .describe('eject whose success rate is far below the mean (gRFC A50)')
        .optional(),
      failurePercent: z
        .strictObject({ thresholdPercent: whole('failed calls of 100 beyond which'), ...judged })
        .describe('eject who fails more than a share of its calls (gRFC A50)')
        .optional(),
    })
    .describe('outlier detection: endpoints whose calls fail are left out for a while')
    .optional(),
  retryThrottling: z
    .strictObject({
      maxTokens: number('what the bucket holds, 1 to 1000; a failure takes one'),
      tokenRatio: number('what a success gives back'),
    })
    .describe('no retries while failures have half emptied a bucket of tokens (gRFC A6)')
    .optional(),
  hedging: z
    .strictObject({
      attempts: whole('attempts per call, the first included, 2 to 5'),
      delayMs: number('from one attempt to the next, in milliseconds'),
      nonFatalStatuses: statuses('grpc-status numbers after which the other attempts go on'),
    })
    .describe('several attempts side by side instead of retries; the first good answer counts (gRFC A6)')
    .optional(),
  rateLimit: z
    .strictObject({
      perSecond: number('calls a second'),
      burst: whole('calls that may come at once'),
      status: whole('grpc-status of a refusal: 8 or 14'),
    })
    .describe('calls beyond this rate are refused; a route or cluster may have its own')
    .optional(),
  concurrency: z
    .strictObject({
      initial: whole('the limit at first'),
      min: whole('the least it may become'),
      max: whole('the most it may become'),
      windowMs: number('it learns once in so long, in milliseconds'),
      minSamples: whole('from so many attempts or more'),
      tolerance: number('share by which they may take longer than at best'),
      baselineMs: number('the best is remembered for so long, in milliseconds'),
    })
    .describe('a limit of calls in flight that is learned from how long they take')
    .optional(),
  loadShed: z
    .strictObject({
      retriesAt: number('from this share of the limit on retries and hedges are refused'),
      lowPriorityAt: number('from this share on calls that matter little'),
      priorityHeader: z.string().describe('request header that says so').optional(),
      lowPriority: z.string().describe('its value that says so').optional(),
    })
    .describe('who is refused first as calls in flight come near their limit')
    .optional(),
  circuitBreaker: z
    .strictObject({
      maxRequests: whole('attempts in flight and calls that wait for one; 0: no bound'),
      maxPending: whole('calls that wait; 0: no bound'),
      maxRetries: whole('retries alive; 0: no bound'),
      maxConnections: whole('connections to endpoints beside the first to each; 0: no bound'),
      endpointMaxRequests: whole('as maxRequests, for each endpoint'),
      endpointMaxPending: whole('as maxPending, for each endpoint'),
      endpointMaxConnections: whole('connections to each endpoint; 0: no bound'),
    })
    .describe('bounds beyond which calls are refused at once with UNAVAILABLE')
    .optional(),
};
