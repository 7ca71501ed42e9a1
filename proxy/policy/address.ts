/** HOST:PORT, as flags and files give it. */
import { WEIGHT_MAX } from './config.ts';

export interface Address {
  host: string;
  port: number;
}

/** Null when it is none. IPv6 hosts stand in brackets. Port 0 only where `anyPort`: the system chooses one. */
export function parseAddress(text: string, anyPort = false): Address | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text);
  if (match === null) return null;
  const port = Number(match[3]);
  if (port > 65_535 || (port === 0 && !anyPort)) return null;
  return { host: (match[1] ?? match[2]) as string, port };
}

/** HOST:PORT, or HOST:PORT=WEIGHT; null when it is neither. */
export function parseWeighted(text: string): { address: string; weight: number } | null {
  const [address = '', weightText = '1', ...more] = text.split('=');
  const weight = /^\d{1,5}$/.test(weightText) ? Number(weightText) : 0;
  if (more.length > 0 || weight < 1 || weight > WEIGHT_MAX || parseAddress(address) === null) return null;
  return { address, weight };
}

export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Where the first address that stands there twice stands again, and where it stood before; null: each is there once. */
export function firstTwice(addresses: readonly string[]): { at: number; before: number } | null {
  const seen = new Map<string, number>();
  for (const [at, address] of addresses.entries()) {
    const before = seen.get(address);
    if (before !== undefined) return { at, before };
    seen.set(address, at);
  }
  return null;
}

/** What to do about it. */
export const GIVE_ONE = 'give one of the two endpoints; its share is its weight';
