/** Overload: what is refused, and when. */
import type { Rule } from './rule.ts';

export const OVERLOAD: readonly Rule[] = [
  {
    id: 'OV-01',
    kind: 'overload',
    rule: 'Attempts in flight never go beyond the configured maximum.',
    source: 'Envoy circuit breaking; gRFC A32',
    dialects: 'workers may overshoot by one each',
  },
  {
    id: 'OV-02',
    kind: 'overload',
    rule: 'Calls that wait never go beyond their maximum; the next one fails at once.',
    source: 'Envoy circuit breaking',
    dialects: 'UNAVAILABLE or RESOURCE_EXHAUSTED',
  },
  {
    id: 'OV-03',
    kind: 'overload',
    rule: 'After any mix of endings the whole limit is there again.',
    source: 'Envoy circuit breaking',
  },
  {
    id: 'OV-04',
    kind: 'overload',
    rule: 'A call refused for load is not retried and not held against an endpoint.',
    source: 'gRFC A32',
  },
  { id: 'OV-05', kind: 'overload', rule: 'What is dropped is counted as dropped.', source: 'gRFC A32' },
  {
    id: 'OV-06',
    kind: 'overload',
    rule: 'Refusing is quick and comes before the body is read.',
    source: 'Envoy overload manager; SRE book',
  },
  {
    id: 'OV-07',
    kind: 'overload',
    rule: 'Beyond capacity the work that finishes in time stays near capacity, and recovers when the load goes.',
    source: 'SRE book, cascading failures; Metastable Failures (HotOS 2021)',
  },
  {
    id: 'OV-08',
    kind: 'overload',
    rule: 'RESOURCE_EXHAUSTED from an endpoint is not retried unless it is listed.',
    source: 'gRFC A6',
  },
  {
    id: 'OV-09',
    kind: 'overload',
    rule: 'Calls that wait go in order, so none starves.',
    source: 'first in, first out; Envoy connection pools',
  },
  {
    id: 'OV-10',
    kind: 'overload',
    rule: 'A call that ends while it waits leaves the queue and is not sent.',
    source: 'gRPC deadlines guide; gRFC A6',
  },
  {
    id: 'OV-11',
    kind: 'overload',
    rule: 'A caller that opens and resets streams fast is stopped, and others do not notice.',
    source: 'CVE-2023-44487; RFC 9113 §10.5',
  },
  {
    id: 'OV-12',
    kind: 'overload',
    rule: 'Under pressure new work is refused before old work suffers.',
    source: 'Envoy overload manager',
  },
];
