/** One run of the proxy bench: what the user asked for, the upstreams, the programs found, and rounds that interleave proxies. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpuUs, end, firstLine } from './children.ts';
import type { Figure } from './figures.ts';
import { findProgram } from './programs.ts';
import type { Far, Proxy, Started, Tls } from './proxies.ts';
import { startScript } from './proxies.ts';

const ENDPOINTS = 3;
/** MyRequest{name: "World"} with the five octets before a gRPC message. */
const REQUEST = Buffer.from([0, 0, 0, 0, 7, 0x0a, 5, ...Buffer.from('World')]);

export interface Session {
  rounds: number;
  /** One round of short loads: whether it works, not what it costs. */
  isQuick: boolean;
  /** Own temporary folder. */
  folder: string;
  /** A file with one request. */
  request: string;
  h2load: string;
  far: Far;
}

export interface Section {
  name: string;
  title: string;
  measure(session: Session): Promise<Figure[]>;
}

export interface Running extends Started {
  proxy: Proxy;
  pid: number;
}

/** Prepares upstreams and files, calls, and takes all away again. */
export async function withSession(
  asked: { rounds: number; isQuick: boolean; h2load: string },
  body: (session: Session) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'meshwright-bench-'));
  const request = join(folder, 'request');
  writeFileSync(request, REQUEST);
  const interrupted = (): never => process.exit(130);
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    await withUpstream(null, (far) => body({ ...asked, folder, request, far }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
  }
}

/** Three endpoints in one process, with TLS when a certificate is given. */
export async function withUpstream<T>(tls: Tls | null, body: (far: Far) => Promise<T>): Promise<T> {
  const child = startScript('./upstream.ts', [
    String(ENDPOINTS),
    ...(tls === null ? [] : [tls.cert, tls.key]),
  ]);
  try {
    const { ports } = await firstLine<{ ports: number[] }>(child);
    return await body({ ports, tls });
  } finally {
    await end(child);
  }
}

/** Starts those of the proxies that are on the machine, and ends them after. `missing` has the names of the others. */
export async function withProxies<T>(
  { far, folder }: Pick<Session, 'far' | 'folder'>,
  proxies: readonly Proxy[],
  body: (running: Running[], missing: string[]) => Promise<T>,
): Promise<T> {
  const running: Running[] = [];
  const missing: string[] = [];
  try {
    for (const proxy of proxies) {
      if (proxy.program !== null && findProgram(proxy.program) === null) {
        missing.push(proxy.name);
        continue;
      }
      const started = await proxy.start(far, folder);
      running.push({ ...started, proxy, pid: started.child.pid as number });
    }
    return await body(running, missing);
  } finally {
    await Promise.all(running.map(({ child }) => end(child)));
  }
}

/** Values by case and proxy. Every round asks each proxy for each case, another proxy first each time. */
export async function interleave<C extends string>(
  rounds: number,
  running: readonly Running[],
  cases: readonly C[],
  measure: (one: Running, which: C) => Promise<number>,
): Promise<(which: C, proxy: string) => number[]> {
  const values = new Map<string, number[]>();
  for (let round = 0; round < rounds; round++) {
    for (const which of cases) {
      for (let index = 0; index < running.length; index++) {
        const one = running[(index + round) % running.length] as Running;
        const key = `${which} ${one.proxy.name}`;
        const value = await named(one, measure(one, which));
        values.set(key, [...(values.get(key) ?? []), value]);
      }
    }
  }
  return (which, proxy) => values.get(`${which} ${proxy}`) ?? [];
}

/** Microseconds of the proxy's processor time for something. */
export async function costUs({ pid }: Running, something: Promise<unknown>): Promise<number> {
  const beforeUs = cpuUs(pid);
  await something;
  return cpuUs(pid) - beforeUs;
}

/** A self-signed certificate for localhost in the folder; null without the openssl program. */
export function makeCertificate(folder: string): Tls | null {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '7'];
  const { status } = spawnSync(
    'openssl',
    ['req', '-x509', ...curve, ...subject, '-keyout', key, '-out', cert],
    { timeout: 10_000, stdio: 'ignore' },
  );
  if (status !== 0) return null;
  return { cert, key, pem: readFileSync(cert, 'utf8') + readFileSync(key, 'utf8') };
}

/** Errors tell which proxy they are about. */
async function named<T>({ proxy }: Running, promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    throw new Error(`${proxy.name}: ${(error as Error).message}`, { cause: error });
  }
}
