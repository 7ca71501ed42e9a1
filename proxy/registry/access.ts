/**
 * Who may register which address. An instance registers the address it comes from, unless ranges are allowed; with identities
 * it also shows a token, which is good for its services only; who only watches has one that is good for none. Tokens are known by their SHA-256 alone.
 */
import { createHash } from 'node:crypto';
import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import { parseAddress } from '../policy/address.ts';
import type { Refusal } from './leases.ts';

const RANGE = z.string().refine((text) => rangeOf(text) !== null, 'must be IP/BITS, as in 10.0.0.0/8');

export const IDENTITIES_SCHEMA = z.strictObject({
  identities: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(256),
        tokenSha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits, in lower case'),
        services: z.array(z.string().min(1)),
        addresses: z.array(RANGE).optional(),
        expires: z.iso.datetime().optional(),
      }),
    )
    .min(1)
    .max(10_000),
});

export type Identity = z.infer<typeof IDENTITIES_SCHEMA>['identities'][number];

/** Nobody can be reached there, or it is the machine's own affair: cloud metadata is link-local. */
const NEVER = listOf(['0.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3', '::/128', 'fe80::/10', 'ff00::/8']);

export interface Caller {
  /** Whose leases are his. */
  owner: string;
  /** Null: he may. */
  refuses(service: string, address: string): Refusal | null;
}

export class Access {
  readonly #identities: ReadonlyMap<string, Identity> | null;
  readonly #ranges: readonly string[];

  /** `identities` null: whoever comes may register; `ranges`: addresses besides the caller's own, as IP/BITS. */
  constructor(identities: readonly Identity[] | null = null, ranges: readonly string[] = []) {
    this.#identities = identities && new Map(identities.map((one) => [one.tokenSha256, one]));
    this.#ranges = ranges;
  }

  /** `authorization`: as the caller sent it, or undefined; `peer`: his IP address; `nowMs`: since 1970. */
  callerOf(authorization: string | undefined, peer: string, nowMs: number): Caller | Refusal {
    const own = peer.replace(/^::ffff:(?=\d+\.)/i, '');
    if (this.#identities === null)
      return { owner: own, refuses: (_service, address) => addressFault(address, own, this.#ranges) };
    const token = /^Bearer ([\x21-\x7e]{1,4096})$/.exec(authorization ?? '')?.[1];
    const identity = this.#identities.get(
      createHash('sha256')
        .update(token ?? '')
        .digest('hex'),
    );
    if (token === undefined || identity === undefined)
      return { status: 'UNAUTHENTICATED', details: 'the token is missing or unknown' };
    const { name, services, expires, addresses = this.#ranges } = identity;
    if (expires !== undefined && Date.parse(expires) <= nowMs)
      return { status: 'UNAUTHENTICATED', details: `the token of ${name} has expired` };
    return {
      owner: name,
      refuses: (service, address) =>
        services.includes(service)
          ? addressFault(address, own, addresses)
          : { status: 'PERMISSION_DENIED', details: `${name} may not register this service` },
    };
  }
}

/** Null: the text is no IP/BITS. */
export function rangeOf(text: string): { ip: string; bits: number; family: 'ipv4' | 'ipv6' } | null {
  const [ip = '', bitsText = ''] = text.split('/');
  const version = isIP(ip);
  const bits = /^\d{1,3}$/.test(bitsText) ? Number(bitsText) : -1;
  if (version === 0 || bits < 0 || bits > (version === 4 ? 32 : 128) || text !== `${ip}/${bits}`) return null;
  return { ip, bits, family: version === 4 ? 'ipv4' : 'ipv6' };
}

function addressFault(address: string, own: string, ranges: readonly string[]): Refusal | null {
  const host = parseAddress(address)?.host ?? '';
  const refusal = (details: string): Refusal => ({ status: 'PERMISSION_DENIED', details });
  if (isIP(host) === 0) return refusal('an instance registers an IP address');
  if (isIn(NEVER, host)) return refusal(`${host} can be no instance's address`);
  if (host === own || isIn(listOf(ranges), host)) return null;
  return refusal(`${host} is neither the caller's own address nor in a range that is allowed`);
}

function isIn(list: BlockList, ip: string): boolean {
  return list.check(ip, isIP(ip) === 6 ? 'ipv6' : 'ipv4');
}

function listOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of ranges) {
    const range = rangeOf(text);
    if (range !== null) list.addSubnet(range.ip, range.bits, range.family);
  }
  return list;
}
