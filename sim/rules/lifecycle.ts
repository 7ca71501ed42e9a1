/** Lifecycle: start, drain, reload, replacement, crash. */
import type { Rule } from './rule.ts';

export const LIFECYCLE: readonly Rule[] = [
  {
    id: 'LC-01',
    kind: 'lifecycle',
    rule: 'A drain loses no call that was taken on, says GOAWAY, and refuses later ones so that they can go elsewhere.',
    source: 'Envoy draining; RFC 9113 §6.8; gRFC A9',
  },
  {
    id: 'LC-02',
    kind: 'lifecycle',
    rule: 'A drain ends at its limit though streams remain, and at once when none do.',
    source: 'Envoy drain time; gRFC A9',
  },
  {
    id: 'LC-03',
    kind: 'lifecycle',
    rule: 'Who leaves is first taken out of discovery, and stops accepting only when that is known.',
    source: 'Kubernetes pod termination',
  },
  {
    id: 'LC-04',
    kind: 'lifecycle',
    rule: 'A new version serves before the old one stops; no connection is refused, and open streams finish in the old one.',
    source: 'Envoy hot restart',
  },
  {
    id: 'LC-05',
    kind: 'lifecycle',
    rule: 'Ready is said only when calls can be served, first health checks included, and what never comes does not hang it.',
    source: 'Envoy initialization; Kubernetes readiness',
  },
  {
    id: 'LC-06',
    kind: 'lifecycle',
    rule: 'The sidecar outlives the last call of its application.',
    source: 'Kubernetes sidecar containers',
  },
  { id: 'LC-07', kind: 'lifecycle', rule: 'A new configuration drops no stream.', source: 'Envoy LDS, RDS' },
  {
    id: 'LC-08',
    kind: 'lifecycle',
    rule: 'A sidecar that crashes is seen at once as UNAVAILABLE, and comes back as it was.',
    source: 'Kubernetes sidecar containers; gRPC connectivity semantics',
  },
];
