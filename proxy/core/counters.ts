/** The counters of one cluster; those of the first one count connections from callers, too. Gauges are derived or go back to zero when all is quiet. */

/** Slots of `callsByStatus`: 0..16 the known numbers, then other numbers, then calls that are not gRPC. */
const STATUS_OTHER = 17;
const STATUS_NOT_GRPC = 18;

export class Counters {
  callsStarted = 0;
  callsEnded = 0;
  readonly callsByStatus: number[] = Array.from({ length: STATUS_NOT_GRPC + 1 }, () => 0);
  callsAnsweredHere = 0;
  callsWaiting = 0;
  attemptsStarted = 0;
  attemptsAlive = 0;
  attemptsReset = 0;
  attemptsUnprocessed = 0;
  attemptsLost = 0;
  attemptsTimedOut = 0;
  answersNotGrpc = 0;
  retries = 0;
  retriesTransparent = 0;
  retriesOverBudget = 0;
  retriesAlive = 0;
  retriesThrottled = 0;
  hedges = 0;
  hedgesWon = 0;
  callsRateLimited = 0;
  callsShed = 0;
  /** Calls that ended for a message above the limit. */
  messagesTooLong = 0;
  retriesShed = 0;
  breakerOverRequests = 0;
  breakerOverPending = 0;
  breakerOverRetries = 0;
  connectionsDownstream = 0;
  connectionsUpstream = 0;
  connectsFailed = 0;
  connectionsLost = 0;
  healthChecks = 0;
  healthChecksFailed = 0;
  /** Copies of calls, which are not counted as calls; and those that were one too many at a time. */
  mirrorsStarted = 0;
  mirrorsDropped = 0;
  /** Of outlier detection, once the cluster is gone: until then its detector has them. */
  ejections = 0;
  ejectionsOverCap = 0;
  /** Load reports that were taken, and those that were none. */
  loadReports = 0;
  loadReportsMalformed = 0;

  get callsAlive(): number {
    return this.callsStarted - this.callsEnded;
  }

  /** Those of several clusters together. */
  static total(all: readonly Counters[]): Counters {
    const total = new Counters();
    const sums = total as unknown as Record<string, number>;
    for (const one of all) {
      for (const [name, value] of Object.entries(one)) {
        if (typeof value === 'number') sums[name] = (sums[name] as number) + value;
      }
      one.callsByStatus.forEach((count, slot) => {
        total.callsByStatus[slot] = (total.callsByStatus[slot] as number) + count;
      });
    }
    return total;
  }

  callEnded(grpcStatus: number, isGrpc: boolean): void {
    this.callsEnded++;
    const known = grpcStatus >= 0 && grpcStatus <= 16;
    const slot = isGrpc ? (known ? grpcStatus : STATUS_OTHER) : STATUS_NOT_GRPC;
    this.callsByStatus[slot] = (this.callsByStatus[slot] as number) + 1;
  }
}
