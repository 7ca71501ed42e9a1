// h2spec, the field's HTTP/2 conformance tester, in strict mode: against each proxy's server side over plain TCP and over TLS,
// and (h2specd) against its client side. `npm run h2spec -- [--only sidecar,Envoy]`. Needs a build and the tester, which
// scripts/peers installs; without it the run is skipped with the reason. Exit code 1 when the sidecar fails a case.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { HINT, findProgram } from '../test/bench/proxy/programs.ts';
import { PROXIES, RELAY, SIDECAR } from '../test/bench/proxy/proxies.ts';
import type { Proxy, Tls } from '../test/bench/proxy/proxies.ts';
import { makeCertificate } from '../test/bench/proxy/session.ts';
import { judgeClient } from './h2spec/client-side.ts';
import { judgeServer } from './h2spec/server-side.ts';
import type { Verdict } from './h2spec/tester.ts';

export default async function h2spec(): Promise<void> {
  const { values } = parseArgs({ options: { only: { type: 'string' } }, args: process.argv.slice(2) });
  // The byte relay speaks no HTTP/2 of its own.
  const all = PROXIES.filter((proxy) => proxy !== RELAY);
  const names = values.only?.split(',') ?? all.map(({ name }) => name);
  const unknown = names.find((name) => all.every((proxy) => proxy.name !== name));
  if (unknown !== undefined) {
    console.error(`--only: no proxy ${unknown}; there are ${all.map(({ name }) => name).join(', ')}`);
    process.exitCode = 2;
    return;
  }
  if (findProgram('h2spec') === null) return console.log(`h2spec: skipped: the tester is ${HINT}`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
  const folder = mkdtempSync(join(tmpdir(), 'meshwright-h2spec-'));
  try {
    const tls = makeCertificate(folder);
    console.log(
      `${'h2spec --strict, passed of all'.padEnd(32)}${'h2c'.padEnd(14)}${'TLS'.padEnd(14)}as a client`,
    );
    for (const proxy of all.filter(({ name }) => names.includes(name))) await judge(proxy, tls, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** One row, and below the sidecar's what failed. */
async function judge(proxy: Proxy, tls: Tls | null, folder: string): Promise<void> {
  if (proxy.program !== null && findProgram(proxy.program) === null) {
    return console.log(`${proxy.name.padEnd(32)}skipped: ${HINT}`);
  }
  const verdicts: (Verdict | string)[] = [
    await judgeServer(proxy, null, folder),
    tls === null ? 'no openssl' : await judgeServer(proxy, tls, folder),
    findProgram('h2specd') === null ? `h2specd ${HINT}` : await judgeClient(proxy, folder),
  ];
  const cells = verdicts.map((verdict) =>
    typeof verdict === 'string' ? verdict : `${verdict.passed}/${verdict.cases}`,
  );
  console.log(`${proxy.name.padEnd(32)}${cells.map((cell) => cell.padEnd(14)).join('')}`.trimEnd());
  if (proxy !== SIDECAR) return;
  for (const verdict of verdicts) {
    if (typeof verdict === 'string') continue;
    if (verdict.failures !== '') console.log(verdict.failures);
    if (verdict.passed < verdict.cases) process.exitCode = 1;
  }
}
