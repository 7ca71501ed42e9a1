/** HOST:PORT of this machine only: a proxy that forwards elsewhere would be a way around other people's firewalls. */
import { isIP } from 'node:net';
import { ApiError } from './api-error.ts';

export interface Address {
  host: string;
  port: number;
}

/** Reads HOST:PORT with a loopback host (127.0.0.0/8, [::1] or localhost). Names are never resolved. Throws ApiError 400. */
export function readLoopbackAddress(value: unknown, field: string, portMin: number): Address {
  if (typeof value !== 'string' || value.length > 256) throw new ApiError(400, `bad request body: ${field}`);
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(value);
  if (match === null) throw new ApiError(400, `bad request body: ${field} is HOST:PORT`);
  const host = match[1] ?? match[2] ?? '';
  const port = Number(match[3]);
  if (port < portMin || port > 65_535) {
    throw new ApiError(400, `bad request body: ${field} has a port from ${portMin} to 65535`);
  }
  // An empty host binds every interface in the real server; here it means loopback.
  if (host === '' || host === 'localhost') return { host: '127.0.0.1', port };
  if (!isLoopback(host)) {
    throw new ApiError(400, `bad request body: ${field} ${JSON.stringify(value)} is outside of loopback`);
  }
  return { host, port };
}

/** True for a literal loopback address. */
export function isLoopback(host: string): boolean {
  const family = isIP(host);
  if (family === 4) return host.startsWith('127.');
  return family === 6 && (host === '::1' || host === '0:0:0:0:0:0:0:1');
}

export function formatAddress(address: Address): string {
  return isIP(address.host) === 6 ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
