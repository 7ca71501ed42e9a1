/** Who may register which address: with and without identities. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Access, IDENTITIES_SCHEMA, rangeOf } from '../../../proxy/registry/access.ts';

const DAY = Date.parse('2026-06-01T00:00:00Z');
const tokenSha256 = createHash('sha256').update('secret-of-greeter').digest('hex');
const greeter = { name: 'team', tokenSha256, services: ['greeter'] };

function judge(access: Access, token: string | undefined, peer: string, service: string, address: string) {
  const caller = access.callerOf(token, peer, DAY);
  if ('status' in caller) return caller.status;
  return caller.refuses(service, address)?.status ?? caller.owner;
}

describe('without identities', () => {
  const open = new Access(null, ['10.1.0.0/16']);
  it.each([
    ['127.0.0.1', '127.0.0.1:1', '127.0.0.1'],
    ['::ffff:127.0.0.1', '127.0.0.1:1', '127.0.0.1'],
    ['::1', '[::1]:1', '::1'],
    ['127.0.0.1', '10.1.2.3:1', '127.0.0.1'],
    ['127.0.0.1', '127.0.0.2:1', 'PERMISSION_DENIED'],
    ['127.0.0.1', '10.2.0.1:1', 'PERMISSION_DENIED'],
    ['127.0.0.1', 'localhost:1', 'PERMISSION_DENIED'],
    ['127.0.0.1', '2130706433:1', 'PERMISSION_DENIED'],
    ['169.254.169.254', '169.254.169.254:80', 'PERMISSION_DENIED'],
    ['127.0.0.1', '0.0.0.0:1', 'PERMISSION_DENIED'],
    ['127.0.0.1', '[::ffff:169.254.169.254]:80', 'PERMISSION_DENIED'],
    ['127.0.0.1', 'nonsense', 'PERMISSION_DENIED'],
  ])('%s registers %s: %s', (peer, address, expected) => {
    expect(judge(open, undefined, peer, 'any', address)).toBe(expected);
  });
});

describe('with identities', () => {
  const range = { ...greeter, addresses: ['10.0.0.0/8'] };
  const bearer = 'Bearer secret-of-greeter';
  it.each([
    [greeter, bearer, 'greeter', '127.0.0.1:1', 'team'],
    [greeter, bearer, 'greeter', '10.0.0.1:1', 'PERMISSION_DENIED'],
    [greeter, bearer, 'other', '127.0.0.1:1', 'PERMISSION_DENIED'],
    [range, bearer, 'greeter', '10.0.0.1:1', 'team'],
    [{ ...range, addresses: ['0.0.0.0/0'] }, bearer, 'greeter', '169.254.169.254:80', 'PERMISSION_DENIED'],
    [greeter, undefined, 'greeter', '127.0.0.1:1', 'UNAUTHENTICATED'],
    [greeter, 'Bearer ', 'greeter', '127.0.0.1:1', 'UNAUTHENTICATED'],
    [greeter, 'Bearer secret', 'greeter', '127.0.0.1:1', 'UNAUTHENTICATED'],
    [greeter, `Bearer ${tokenSha256}`, 'greeter', '127.0.0.1:1', 'UNAUTHENTICATED'],
    [{ ...greeter, expires: '2026-06-01T00:00:00Z' }, bearer, 'greeter', '127.0.0.1:1', 'UNAUTHENTICATED'],
    [{ ...greeter, expires: '2026-06-01T00:00:01Z' }, bearer, 'greeter', '127.0.0.1:1', 'team'],
  ])('%j with %s for %s at %s: %s', (identity, token, service, address, expected) => {
    expect(judge(new Access([identity]), token, '127.0.0.1', service, address)).toBe(expected);
  });

  it('the file is read strictly', () => {
    const read = (identity: object) => IDENTITIES_SCHEMA.safeParse({ identities: [identity] }).success;
    expect(read(greeter)).toBe(true);
    expect(read({ ...greeter, services: [] })).toBe(true);
    expect(read({ ...greeter, addresses: ['10.0.0.0/8'], expires: '2026-06-01T00:00:00Z' })).toBe(true);
    expect(read({ ...greeter, token: 'plain' })).toBe(false);
    expect(read({ ...greeter, tokenSha256: 'abc' })).toBe(false);
    expect(read({ ...greeter, services: [''] })).toBe(false);
    expect(read({ ...greeter, addresses: ['10.0.0.0/33'] })).toBe(false);
    expect(read({ ...greeter, expires: 'soon' })).toBe(false);
  });

  it.each(['10.0.0.0', '10.0.0.0/', '10.0.0.0/33', '::/129', '10.0.0.0/8/8', 'a/8', '10.0.0.0/08'])(
    '%s is no range',
    (text) => expect(rangeOf(text)).toBeNull(),
  );
});
