/** Telemetry: what is counted must be true. */
import type { Rule } from './rule.ts';

export const TELEMETRY: readonly Rule[] = [
  {
    id: 'TE-01',
    kind: 'observability',
    rule: 'The trace goes on through the sidecar: same trace, a parent of this call, state kept.',
    source: 'W3C Trace Context; gRFC A72',
  },
  {
    id: 'TE-02',
    kind: 'observability',
    rule: 'All attempts of a call carry the same request id.',
    source: 'Envoy x-request-id',
  },
  {
    id: 'TE-03',
    kind: 'observability',
    rule: 'Calls started equal calls ended plus calls in flight, at every moment.',
    source: 'gRFC A66',
  },
  {
    id: 'TE-04',
    kind: 'observability',
    rule: 'Attempts equal first picks plus retries of every sort, and each ends once.',
    source: 'gRFC A66, A96',
  },
  {
    id: 'TE-05',
    kind: 'observability',
    rule: 'More attempts never arrive than were sent; what is missing was lost on the way.',
    source: 'accounting',
  },
  {
    id: 'TE-06',
    kind: 'observability',
    rule: 'Gauges are never negative and return to zero.',
    source: 'Envoy statistics',
  },
  { id: 'TE-07', kind: 'observability', rule: 'Counters never fall.', source: 'OpenTelemetry metrics' },
  {
    id: 'TE-08',
    kind: 'observability',
    rule: 'The status that is counted is the status that was delivered.',
    source: 'gRFC A66',
  },
  {
    id: 'TE-09',
    kind: 'observability',
    rule: 'The reason that is given for a failure is the real one.',
    source: 'Envoy access log, response flags',
  },
  {
    id: 'TE-10',
    kind: 'observability',
    rule: 'Counts of members and of healthy ones agree with the world once it is quiet.',
    source: 'Envoy cluster statistics',
  },
  {
    id: 'TE-11',
    kind: 'observability',
    rule: 'A call’s duration holds queue, waits and all attempts; an attempt’s does not.',
    source: 'gRFC A66',
  },
  {
    id: 'TE-12',
    kind: 'observability',
    rule: 'Endpoints that are gone leave the metrics.',
    source: 'Envoy statistics',
  },
];
