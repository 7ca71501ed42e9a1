/** `check.*`: the properties a scenario can ask for. One property per file. */
import { circuitBreaker } from './circuit-breaker.ts';
import { configAnswers } from './config-answers.ts';
import { crashSeen } from './crash-seen.ts';
import { cutOver } from './cut-over.ts';
import { ejection } from './ejection.ts';
import { failover } from './failover.ts';
import { hashAffinity } from './hash-affinity.ts';
import { hedging } from './hedging.ts';
import { learnedWeights } from './learned-weights.ts';
import { leaseExpiry } from './lease-expiry.ts';
import { leastRequest } from './least-request.ts';
import { localityShare } from './locality-share.ts';
import { mirrored } from './mirrored.ts';
import { noCallsToDeparted } from './no-calls-to-departed.ts';
import { noLostRequests } from './no-lost-requests.ts';
import { noThunderingHerd } from './no-thundering-herd.ts';
import { overhead } from './overhead.ts';
import { panic } from './panic.ts';
import { priorityFailover } from './priority-failover.ts';
import { rateLimit } from './rate-limit.ts';
import { recovery } from './recovery.ts';
import { replies } from './replies.ts';
import { retryAmplification } from './retry-amplification.ts';
import { retryThrottling } from './retry-throttling.ts';
import { roundRobin } from './round-robin.ts';
import { sameView } from './same-view.ts';
import { slowStart } from './slow-start.ts';
import { split } from './split.ts';
import { subset } from './subset.ts';
import { weightedShare } from './weighted-share.ts';

export const check = {
  circuitBreaker,
  configAnswers,
  crashSeen,
  cutOver,
  ejection,
  failover,
  hashAffinity,
  hedging,
  learnedWeights,
  leaseExpiry,
  leastRequest,
  localityShare,
  mirrored,
  noCallsToDeparted,
  noLostRequests,
  noThunderingHerd,
  overhead,
  panic,
  priorityFailover,
  rateLimit,
  recovery,
  replies,
  retryAmplification,
  retryThrottling,
  roundRobin,
  sameView,
  slowStart,
  split,
  subset,
  weightedShare,
} as const;
