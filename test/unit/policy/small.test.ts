/** Addresses and errors as people read and write them. */
import { expect, it } from 'vitest';
import { formatAddress, parseAddress } from '../../../proxy/policy/address.ts';
import { SidecarError } from '../../../proxy/policy/trouble.ts';

it('addresses: what is printed is read again, IPv6 in brackets', () => {
  for (const [host, port, text] of [
    ['localhost', 80, 'localhost:80'],
    ['127.0.0.1', 65_535, '127.0.0.1:65535'],
    ['::1', 50_051, '[::1]:50051'],
  ] as const) {
    expect(formatAddress(host, port)).toBe(text);
    expect(parseAddress(text)).toEqual({ host, port });
  }
  for (const bad of ['', 'host', 'host:', ':80', 'host:65536', 'host:0', '::1:80', 'a b:80', 'host:+1']) {
    expect(parseAddress(bad), bad).toBeNull();
  }
  expect(parseAddress('host:0', true)).toEqual({ host: 'host', port: 0 });
});

it('errors: one line with what, where and how to mend it, each where there is one', () => {
  expect(new SidecarError('MW_PORT', 'taken').toString()).toBe('MW_PORT: taken.');
  const whole = new SidecarError('MW_CONFIG', 'no such field', { place: 'a.yaml:3', remedy: 'Remove it.' });
  expect(whole.toString()).toBe('MW_CONFIG: no such field (at a.yaml:3). Fix: Remove it.');
  expect([whole.name, whole.place, whole.remedy]).toEqual(['SidecarError', 'a.yaml:3', 'Remove it.']);
});
