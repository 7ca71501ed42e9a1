/** What a control plane's file says: clusters with their endpoints, listeners with their routes; as YAML or JSON. */
import { parse } from 'yaml';
import { z } from 'zod';
import { CONFIG_SCHEMA } from '../host/config-schema.ts';
import { FAILOVER_SCHEMA } from '../host/failover-schema.ts';
import { routesSchema } from '../host/routing-schema.ts';
import { firstTwice, GIVE_ONE, parseAddress } from '../policy/address.ts';
import { SidecarError } from '../policy/trouble.ts';
import { buildMessages } from '../xds/build.ts';
import { PLAIN_CODEC, TYPES } from '../xds/messages.ts';
import { HEALTH_NAMES, type MeshPlan } from '../xds/plan.ts';
import { nameOf, readResource, reasonOf } from '../xds/read-resource.ts';

const WEIGHT_MAX = 4_294_967_295;
const PRIORITY_MAX = 128;

const address = z.string().refine((text) => parseAddress(text) !== null, 'must be IP:PORT');
const name = z.string().min(1).max(256);
const { balancer, retry, timeout } = CONFIG_SCHEMA.shape;
const { circuitBreaker, outlier } = FAILOVER_SCHEMA;

const SCHEMA = z.strictObject({
  clusters: z.record(
    name,
    z.strictObject({
      balancer,
      timeout,
      circuitBreaker,
      outlier,
      endpoints: z.array(
        z.strictObject({
          address,
          id: z.string().min(1).optional(),
          weight: z
            .int()
            .min(1, 'a weight is at least 1; what shall get nothing is draining')
            .max(WEIGHT_MAX)
            .optional(),
          priority: z.int().min(0).max(PRIORITY_MAX).optional(),
          locality: z.string().optional(),
          localityWeight: z.int().min(0).max(1_000_000).optional(),
          health: z.enum(HEALTH_NAMES).optional(),
          metadata: z.record(z.string(), z.string()).optional(),
        }),
      ),
    }),
  ),
  listeners: z
    .record(
      name,
      z.strictObject({ address: address.optional(), routes: routesSchema({ retry, timeout }).min(1) }),
    )
    .optional(),
});

/** Throws a SidecarError that names the field. `file` is for messages only. */
export function parseMesh(text: string, file: string): MeshPlan {
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 0 });
  } catch (error) {
    const reason = reasonOf(error);
    throw wrong(file, `it is neither YAML nor JSON: ${reason}`);
  }
  const result = SCHEMA.safeParse(value);
  if (!result.success) {
    const issue = result.error.issues[0] as z.core.$ZodIssue;
    const what = value === null || value === undefined ? 'it is empty' : issue.message;
    throw wrong(file, issue.path.length === 0 ? what : `${issue.path.join('.')}: ${what}`);
  }
  const twice = addressTwice(result.data);
  if (twice !== null) throw wrong(file, twice, GIVE_ONE);
  const complaint = contradiction(result.data);
  if (complaint !== null) throw wrong(file, complaint);
  return result.data;
}

/** Two clusters may have one address: they know nothing of each other. */
function addressTwice({ clusters }: MeshPlan): string | null {
  for (const [cluster, { endpoints }] of Object.entries(clusters)) {
    const addresses = endpoints.map(({ address }) => address);
    const twice = firstTwice(addresses);
    if (twice === null) continue;
    const { at, before } = twice;
    return `clusters.${cluster}.endpoints.${at}.address: ${addresses[at]} stands there twice, in endpoints.${before} too`;
  }
  return null;
}

/** What no field shows alone; null when all is well. */
function contradiction(plan: MeshPlan): string | null {
  for (const [listener, { routes }] of Object.entries(plan.listeners ?? {})) {
    for (const [at, { cluster, split, mirror }] of routes.entries()) {
      const place = `listeners.${listener}.routes.${at}`;
      if ((cluster === undefined) === (split === undefined)) return `${place}: give either cluster or split`;
      for (const to of [
        ...Object.keys(split ?? { [cluster as string]: 1 }),
        ...(mirror ? [mirror.cluster] : []),
      ])
        if (!Object.hasOwn(plan.clusters, to)) return `${place}: there is no cluster ${JSON.stringify(to)}`;
    }
  }
  return unreadable(plan);
}

/** What cannot be told, and what our own sidecars would refuse, is found here, and not by each of them. */
function unreadable(plan: MeshPlan): string | null {
  let place = '';
  try {
    const messages = buildMessages(plan, PLAIN_CODEC);
    for (const type of TYPES) {
      for (const message of messages[type] ?? []) {
        place = `${nameOf(type, message)}: `;
        readResource(type, message, PLAIN_CODEC);
      }
    }
  } catch (error) {
    return place + reasonOf(error);
  }
  return null;
}

const SHAPE =
  'write clusters: { NAME: { endpoints: [{ address: IP:PORT }] } } and listeners: { NAME: { routes: [{ cluster: NAME }] } }';

function wrong(file: string, what: string, remedy = SHAPE): SidecarError {
  return new SidecarError('MW_CONFIG', `the mesh file is wrong: ${what}`, { place: file, remedy });
}
