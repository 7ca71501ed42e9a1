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
};
