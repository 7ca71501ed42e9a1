/** What an endpoint file says: `{ endpoints: [{ address, id?, draining?, weight?, priority?, locality?, localityWeight?, metadata? }] }` as YAML or JSON. */
import { parse } from 'yaml';
import { z } from 'zod';
import { firstTwice, GIVE_ONE, parseAddress } from '../policy/address.ts';
import { type Endpoint, WEIGHT_MAX } from '../policy/config.ts';
import { SidecarError } from '../policy/trouble.ts';

const ENDPOINTS_MAX = 100_000;

const SHAPE =
  'it must hold endpoints: a list of { address: HOST:PORT, id?: text, draining?: true or false, weight?: number }';

const fileSchema = z.strictObject({
  endpoints: z
    .array(
      z.strictObject({
        address: z.string().refine((text) => parseAddress(text) !== null, 'must be HOST:PORT'),
        id: z.string().min(1).optional(),
        draining: z.boolean().optional(),
        weight: z
          .int()
          .min(1, 'a weight is at least 1; what shall get nothing is draining')
          .max(WEIGHT_MAX)
          .optional(),
        priority: z.int().min(0).max(127).optional(),
        locality: z.string().optional(),
        localityWeight: z.int().min(0).max(1_000_000).optional(),
        metadata: z.record(z.string(), z.string()).optional(),
      }),
    )
    .max(ENDPOINTS_MAX),
});

/** Throws a SidecarError that names the place in the file. `file` is for messages only. */
export function parseEndpoints(text: string, file: string): Endpoint[] {
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 0 });
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).split('\n', 1)[0];
    throw new SidecarError('MW_CONFIG', `the endpoint file is neither YAML nor JSON: ${reason}`, {
      place: file,
      remedy: 'write e.g. endpoints: [{ address: "127.0.0.1:50051" }]',
    });
  }
  const result = fileSchema.safeParse(value);
  const wrong = (path: string, what: string, remedy = SHAPE): SidecarError =>
    new SidecarError('MW_CONFIG', `the endpoint file${path} is wrong: ${what}`, { place: file, remedy });
  if (!result.success) {
    const issue = result.error.issues[0];
    const path = issue === undefined || issue.path.length === 0 ? '' : ` ${issue.path.join('.')}`;
    const isEmpty = value === null || value === undefined;
    throw wrong(path, isEmpty ? 'it is empty' : (issue?.message ?? 'it does not fit'));
  }
  const { endpoints } = result.data;
  const twice = firstTwice(endpoints.map(({ address }) => address));
  if (twice !== null) {
    const { at, before } = twice;
    const said = `${endpoints[at]?.address} stands there twice, in endpoints.${before} too`;
    throw wrong(` endpoints.${at}.address`, said, GIVE_ONE);
  }
  return endpoints.map(({ address, id, draining, ...facts }) => {
    return {
      address,
      id: id ?? address,
      draining: draining ?? false,
      ...(facts as Omit<Endpoint, 'address' | 'id' | 'draining'>),
    };
  });
}
