// gRPC's own interop client (grpc-go) against its own servers, with the sidecar between: `npm run interop -- [--peers]
// [--soak CALLS] [--only CASE]`. Every case that needs no cloud, then a soak with the sidecar's memory before and after.
// Needs a build and Go; without Go it says so and ends with 0. Beside each proxy stands what the client gets with none.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { end } from '../test/bench/proxy/children.ts';
import { findProgram } from '../test/bench/proxy/programs.ts';
import { PROXIES, RELAY } from '../test/bench/proxy/proxies.ts';
import { CASES, runCase } from './interop/cases.ts';
import type { Case, Outcome } from './interop/cases.ts';
import { install, startServers } from './interop/programs.ts';
import type { Programs } from './interop/programs.ts';
import { soak } from './interop/soak.ts';

const SERVERS = 3;
const SOAK_CALLS = 100_000;

export default async function interop(): Promise<void> {
  const options = { peers: { type: 'boolean' }, soak: { type: 'string' }, only: { type: 'string' } } as const;
  const { values } = parseArgs({ options, args: process.argv.slice(2) });
  const programs = install();
  if (typeof programs === 'string') return console.log(`interop: skipped: ${programs}`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
  const cases = CASES.filter((one) => values.only === undefined || one.name === values.only);
  const calls = Number(values.soak ?? SOAK_CALLS);
  const folder = mkdtempSync(join(tmpdir(), 'meshwright-interop-'));
  const servers = await startServers(programs, SERVERS);
  try {
    const ports = servers.map((server) => server.port);
    const passed = await runCases(programs, cases, ports, values.peers === true, folder);
    const held = calls === 0 || (await soak(programs, ports, calls));
    if (!passed || !held) process.exitCode = 1;
  } finally {
    for (const server of servers) await end(server.child);
    rmSync(folder, { recursive: true });
  }
}

/** Prints one row a case; true when the sidecar passed all that pass without a proxy. */
async function runCases(
  programs: Programs,
  cases: readonly Case[],
  ports: readonly number[],
  withPeers: boolean,
  folder: string,
): Promise<boolean> {
  const columns = [await directly(programs, cases, ports[0] as number)];
  for (const proxy of PROXIES) {
    // The byte relay knows no streams: it cannot be a gRPC proxy in front of several servers.
    if (proxy === RELAY || (proxy.name !== 'sidecar' && !withPeers)) continue;
    if (proxy.program !== null && findProgram(proxy.program) === null) {
      console.log(`${proxy.name}: skipped: ${proxy.program} is not on this machine`);
      continue;
    }
    const outcomes: Outcome[] = [];
    for (const one of cases) {
      const { child, address } = await proxy.start(
        { ports: one.oneServer ? ports.slice(0, 1) : ports, tls: null },
        folder,
      );
      outcomes.push(await runCase(programs, one, Number(address.split(':')[1])));
      await end(child);
    }
    columns.push({ name: proxy.name, outcomes });
  }
  print(cases, columns);
  const [without, sidecar] = columns;
  return cases.every(
    (_one, row) => sidecar?.outcomes[row]?.passed === true || without?.outcomes[row]?.passed === false,
  );
}

interface Column {
  name: string;
  outcomes: Outcome[];
}

async function directly(programs: Programs, cases: readonly Case[], port: number): Promise<Column> {
  const outcomes: Outcome[] = [];
  for (const one of cases) outcomes.push(await runCase(programs, one, port));
  return { name: 'no proxy', outcomes };
}

function print(cases: readonly Case[], columns: readonly Column[]): void {
  const row = (first: string, cells: readonly string[]): void =>
    console.log(`${first.padEnd(30)}${cells.map((cell) => cell.padEnd(10)).join('')}`.trimEnd());
  row(
    'case',
    columns.map((column) => column.name),
  );
  for (const [index, { name }] of cases.entries()) {
    row(
      name,
      columns.map(({ outcomes }) => (outcomes[index]?.passed === true ? 'passed' : 'failed')),
    );
  }
  // What fails without a proxy too says nothing about one: the server cannot do it.
  const possible = cases.flatMap((_one, index) =>
    columns[0]?.outcomes[index]?.passed === true ? [index] : [],
  );
  row(
    'passed of what can pass',
    columns.map(
      ({ outcomes }) => `${possible.filter((index) => outcomes[index]?.passed).length}/${possible.length}`,
    ),
  );
  for (const { name, outcomes } of columns) {
    for (const [index, { passed, said }] of outcomes.entries()) {
      if (!passed) console.log(`${name}, ${cases[index]?.name}: ${said}`);
    }
  }
}
