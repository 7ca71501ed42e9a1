/** The part of the configuration file's schema that is about failover and overload. */
import { z } from 'zod';
import { EJECTION_CAPS } from '../policy/failover-config.ts';
import { amount, statuses } from './schema-parts.ts';

const judged = (section: 'outlier.successRate' | 'outlier.failurePercent') => ({
  minHosts: amount(`${section}.minHosts`, 'endpoints with enough calls that there must be'),
  minRequests: amount(`${section}.minRequests`, 'calls in an interval without which nobody is judged'),
  enforcePercent: amount(`${section}.enforcePercent`, 'how many of 100 that are found are ejected'),
});

export const FAILOVER_SCHEMA = {
  outlier: z
    .strictObject({
      intervalMs: amount('outlier.intervalMs', 'between two sweeps'),
      baseEjectionMs: amount(
        'outlier.baseEjectionMs',
        'the first ejection lasts so long, the n-th n times as long',
      ),
      maxEjectionMs: amount('outlier.maxEjectionMs', 'the longest ejection'),
      jitterMs: amount('outlier.jitterMs', 'each ejection lasts up to so much longer'),
      maxEjectionPercent: amount(
        'outlier.maxEjectionPercent',
        'share of the endpoints that may be ejected, 0 to 100',
      ),
      cap: z
        .enum(EJECTION_CAPS)
        .describe(
          'how that share is read: a50 may pass it by one, envoy never, envoy_at_least_one for the first only',
        )
        .optional(),
      consecutiveErrors: amount(
        'outlier.consecutiveErrors',
        'errors in a row that eject; 0: any number is borne',
      ),
      consecutiveGatewayErrors: amount(
        'outlier.consecutiveGatewayErrors',
        'gateway errors in a row that eject; 0: any number is borne',
      ),
      errorStatuses: statuses('grpc-status numbers that are errors'),
      gatewayStatuses: statuses('grpc-status numbers that are gateway errors'),
      healthyCheckUnejects: z.boolean().describe('a good health check ends an ejection').optional(),
      successRate: z
        .strictObject({
          stdevFactor: amount(
            'outlier.successRate.stdevFactor',
            'thousandths of the standard deviation below the mean',
          ),
          ...judged('outlier.successRate'),
        })
        .describe('eject whose success rate is far below the mean (gRFC A50)')
        .optional(),
      failurePercent: z
        .strictObject({
          thresholdPercent: amount(
            'outlier.failurePercent.thresholdPercent',
            'failed calls of 100 beyond which',
          ),
          ...judged('outlier.failurePercent'),
        })
        .describe('eject who fails more than a share of its calls (gRFC A50)')
        .optional(),
    })
    .describe('outlier detection: endpoints whose calls fail are left out for a while')
    .optional(),
  retryThrottling: z
    .strictObject({
      maxTokens: amount('retryThrottling.maxTokens', 'what the bucket holds, 1 to 1000; a failure takes one'),
      tokenRatio: amount('retryThrottling.tokenRatio', 'what a success gives back'),
    })
    .describe('no retries while failures have half emptied a bucket of tokens (gRFC A6)')
    .optional(),
  hedging: z
    .strictObject({
      attempts: amount('hedging.attempts', 'attempts per call, the first included, 2 to 5'),
      delayMs: amount('hedging.delayMs', 'from one attempt to the next'),
      nonFatalStatuses: statuses('grpc-status numbers after which the other attempts go on'),
    })
    .describe('several attempts side by side instead of retries; the first good answer counts (gRFC A6)')
    .optional(),
  rateLimit: z
    .strictObject({
      perSecond: amount('rateLimit.perSecond', 'calls a second'),
      burst: amount('rateLimit.burst', 'calls that may come at once'),
      status: z
        .literal([8, 14], { error: 'give 8 (RESOURCE_EXHAUSTED) or 14 (UNAVAILABLE)' })
        .describe('grpc-status of a refusal')
        .optional(),
    })
    .describe('calls beyond this rate are refused; a route or cluster may have its own')
    .optional(),
  concurrency: z
    .strictObject({
      initial: amount('concurrency.initial', 'the limit at first'),
      min: amount('concurrency.min', 'the least it may become'),
      max: amount('concurrency.max', 'the most it may become'),
      windowMs: amount('concurrency.windowMs', 'it learns once in so long'),
      minSamples: amount('concurrency.minSamples', 'from so many attempts or more'),
      tolerance: amount('concurrency.tolerance', 'share by which they may take longer than at best'),
      baselineMs: amount('concurrency.baselineMs', 'the best is remembered for so long'),
    })
    .describe('a limit of calls in flight that is learned from how long they take')
    .optional(),
  loadShed: z
    .strictObject({
      retriesAt: amount(
        'loadShed.retriesAt',
        'from this share of the limit on retries and hedges are refused',
      ),
      lowPriorityAt: amount('loadShed.lowPriorityAt', 'from this share on calls that matter little'),
      priorityHeader: z.string().describe('request header that says so').optional(),
      lowPriority: z.string().describe('its value that says so').optional(),
    })
    .describe('who is refused first as calls in flight come near their limit')
    .optional(),
  waitForReady: z
    .strictObject({
      maxMs: amount(
        'waitForReady.maxMs',
        'so long at most, since it first had to wait; and until its deadline',
      ),
      maxPending: amount('waitForReady.maxPending', 'calls that wait so; one more fails at once'),
    })
    .describe('a call for which no endpoint can be used waits for one (gRPC wait-for-ready)')
    .optional(),
  messageLimit: z
    .strictObject({
      requestBytesMax: amount('messageLimit.requestBytesMax', 'of a message to the endpoint; 0: no bound'),
      responseBytesMax: amount('messageLimit.responseBytesMax', 'of a message to the caller; 0: no bound'),
    })
    .describe('a call with a longer gRPC message ends with RESOURCE_EXHAUSTED')
    .optional(),
  circuitBreaker: z
    .strictObject({
      maxRequests: amount(
        'circuitBreaker.maxRequests',
        'attempts in flight and calls that wait for one; 0: no bound',
      ),
      maxPending: amount('circuitBreaker.maxPending', 'calls that wait; 0: no bound'),
      maxRetries: amount('circuitBreaker.maxRetries', 'retries alive; 0: no bound'),
      maxConnections: amount(
        'circuitBreaker.maxConnections',
        'connections to endpoints beside the first to each; 0: no bound',
      ),
      endpointMaxRequests: amount('circuitBreaker.endpointMaxRequests', 'as maxRequests, for each endpoint'),
      endpointMaxPending: amount('circuitBreaker.endpointMaxPending', 'as maxPending, for each endpoint'),
      endpointMaxConnections: amount(
        'circuitBreaker.endpointMaxConnections',
        'connections to each endpoint; 0: no bound',
      ),
    })
    .describe('bounds beyond which calls are refused at once with UNAVAILABLE')
    .optional(),
};
