/** Which Toxiproxy a run uses: the embedded one, or the one that TOXIPROXY_URL names. */
import { MeshwrightError } from '../../base/errors.ts';
import { isLoopback } from './address.ts';

/** Null for the embedded one. Throws MW_TOXIPROXY for what is no URL of this machine. */
export function externalToxiproxy(value: string | undefined): string | null {
  if (value === undefined || value.trim() === '') return null;
  const text = value.includes('://') ? value : `http://${value}`;
  const url = URL.canParse(text) ? new URL(text) : null;
  const host = url?.hostname.replace(/^\[(.*)\]$/, '$1') ?? '';
  if (url === null || url.protocol !== 'http:' || !(host === 'localhost' || isLoopback(host))) {
    throw new MeshwrightError('MW_TOXIPROXY', `TOXIPROXY_URL is ${JSON.stringify(value.slice(0, 200))}`, {
      place: 'TOXIPROXY_URL',
      remedy: 'give http://127.0.0.1:PORT: proxies and instances must be on this machine',
    });
  }
  return url.origin;
}
