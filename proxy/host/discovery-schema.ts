/** The part of the configuration file that says where endpoints come from, when it is no list and no file. */
import { z } from 'zod';
import { DNS_DIALECTS } from '../discovery/dns-source.ts';
import { amount, text } from './schema-parts.ts';

const TLS = z.union([
  z.boolean(),
  z.strictObject({
    ca: text('PEM file of the authorities that sign its certificate'),
    serverName: text('name that its certificate must hold'),
  }),
]);

const XDS = z.strictObject({
  kind: z.literal('xds').describe('a control plane, over xDS (ADS)'),
  server: z.string().describe('HOST:PORT of the control plane'),
  tls: TLS.describe('TLS towards the control plane').optional(),
  listener: text('follow this listener, and its route for all calls, to the endpoints'),
  cluster: text('or follow this cluster'),
  variant: z.enum(['sotw', 'delta']).describe('state of the world, or incremental').optional(),
  node: text('who asks; default: host and process id'),
  nodeCluster: text("the asker's group"),
  versions: z
    .enum(['any', 'rising'])
    .describe('rising: refuse a version whose leading number is smaller than one before it on the stream')
    .optional(),
  keepDeleted: z.boolean().describe('what the control plane takes away stays in use').optional(),
  absentMs: amount('discovery.absentMs', 'what has not come for so long does not exist'),
  backoffBaseMs: amount('discovery.backoffBaseMs', 'wait before the stream is opened again'),
  backoffMaxMs: amount('discovery.backoffMaxMs', 'longest such wait'),
});

const DNS = z.strictObject({
  kind: z.literal('dns').describe('DNS'),
  name: z.string().describe('the name that is looked up'),
  port: z.int().min(1).max(65_535).describe('type A: the port of all endpoints').optional(),
  type: z.enum(['A', 'SRV']).describe('A: addresses (A and AAAA), the default; SRV: targets').optional(),
  dialect: z
    .enum(DNS_DIALECTS)
    .describe(
      'strict, the default: each address is an endpoint; logical (type A): the name is one, whose new connections go to the first address',
    )
    .optional(),
  server: text('IP:PORT of the DNS server; default: those of the system'),
  minRefreshMs: amount('discovery.minRefreshMs', 'never asked oftener than that, whatever the time to live'),
  maxRefreshMs: amount('discovery.maxRefreshMs', 'asked at least that often'),
});

const REGISTRY = z.strictObject({
  kind: z.literal('registry').describe('a registry of leases'),
  address: z.string().describe('HOST:PORT of the registry'),
  service: z.string().describe('the service that is watched'),
  tls: TLS.describe('TLS towards the registry').optional(),
  tokenFile: text('file of the token that a registry with identities asks for'),
});

export const DISCOVERY_SCHEMA = z.discriminatedUnion('kind', [XDS, DNS, REGISTRY]);
