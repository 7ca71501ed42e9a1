/** Security: who may speak, and what is believed. */
import type { Rule } from './rule.ts';

export const SECURITY: readonly Rule[] = [
  {
    id: 'SE-01',
    kind: 'security',
    rule: 'Both peers are verified: with a wrong, expired or missing certificate no call arrives.',
    source: 'gRFC A29, A87; RFC 9525; SPIFFE X.509-SVID',
  },
  {
    id: 'SE-02',
    kind: 'security',
    rule: 'Changing certificates fails no call, and a pair that does not match is refused while the old one stays.',
    source: 'gRFC A29, A69; Envoy SDS',
  },
  {
    id: 'SE-03',
    kind: 'security',
    rule: 'After a root is withdrawn, its certificates are refused.',
    source: 'gRFC A29',
  },
  {
    id: 'SE-04',
    kind: 'security',
    rule: 'Where policies allow, what none allows is denied, and a denial wins.',
    source: 'gRFC A41, A43',
  },
  {
    id: 'SE-05',
    kind: 'security',
    rule: 'If the policy cannot be asked, the answer is no.',
    source: 'Envoy external authorization',
  },
  {
    id: 'SE-06',
    kind: 'security',
    rule: 'Times in a token are checked with bounded leeway.',
    source: 'RFC 7519 §4.1',
  },
  {
    id: 'SE-07',
    kind: 'security',
    rule: 'An unknown key is fetched, a failed fetch keeps the old keys, and fetches do not storm.',
    source: 'Envoy JWT authentication',
  },
  {
    id: 'SE-08',
    kind: 'security',
    rule: 'Fields that claim an identity do not pass from those who may not claim it.',
    source: 'Envoy header sanitizing',
  },
  {
    id: 'SE-09',
    kind: 'security',
    rule: 'The path that policy saw is the path that arrives.',
    source: 'RFC 3986 §6.2.2; Envoy path normalization',
  },
  {
    id: 'SE-10',
    kind: 'security',
    rule: 'Where :authority and host differ, the request is refused or :authority holds.',
    source: 'RFC 9113 §8.3.1; gRFC A41',
    dialects: 'refused, or reduced to :authority',
  },
  {
    id: 'SE-11',
    kind: 'security',
    rule: 'Reserved grpc- fields of a caller do not confuse the sidecar’s own accounts.',
    source: 'gRPC PROTOCOL-HTTP2, Custom-Metadata',
  },
  {
    id: 'SE-12',
    kind: 'security',
    rule: 'Where TLS is demanded plaintext gets nowhere, in either direction, and there is no falling back.',
    source: 'Istio PeerAuthentication',
  },
  {
    id: 'SE-13',
    kind: 'security',
    rule: 'Forbidden characters, bad pseudo-headers and lengths that lie end the stream; nothing of it arrives.',
    source: 'RFC 9113 §8.2.1, §8.3, §10.3',
  },
];
