/**
 * Processor time per unary gRPC call of the proxy process, ours against its peers, interleaved in one run under h2load.
 * Ours has every policy on: round robin over three endpoints, health checks, retries with a budget, a deadline on each call.
 */
import { execFile } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ClusterEndpoint, SidecarStats } from '../../proxy/core/machine.ts';
import { cpuUs, end, firstLine, rssKib } from './proxy/children.ts';
import { PROXIES, SIDECAR, findProgram, startScript } from './proxy/proxies.ts';
import type { Proxy } from './proxy/proxies.ts';
import type { Row } from './table.ts';
import { printRows } from './table.ts';

interface Shape {
  name: string;
  connections: number;
  streams: number;
  calls: number;
  /** Times as many calls for any but Envoy: what is cheap needs more of them for the same precision. */
  factor: number;
}

const SHAPES: readonly Shape[] = [
  { name: '1x1', connections: 1, streams: 1, calls: 3_000, factor: 1 },
  { name: '4x16', connections: 4, streams: 16, calls: 20_000, factor: 4 },
  { name: '64x1', connections: 64, streams: 1, calls: 10_000, factor: 2 },
  { name: '4x100', connections: 4, streams: 100, calls: 20_000, factor: 4 },
];
const ENDPOINTS = 3;
const ROUNDS_MIN = 3;
const ROUNDS_MAX = 5;
/** No further round is begun when it would end later than this. */
const TIME_MS_MAX = 85_000;
const LOAD_MS_MAX = 30_000;
const ENVOY_GOAL = { shape: '4x16', bound: 0.5 };
const READY_GOAL_MS = 150;
const HINT = 'install it with scripts/peers';
const PATH = '/my_service.MyService/MyMethod';
const HEADERS = ['content-type: application/grpc', 'te: trailers', 'grpc-timeout: 10S'].flatMap((line) => [
  '-H',
  line,
]);
/** MyRequest{name: "World"} with the five octets before a gRPC message. */
const BODY = Buffer.from([0, 0, 0, 0, 7, 0x0a, 5, ...Buffer.from('World')]);

interface Running {
  proxy: Proxy;
  child: ChildProcess;
  address: string;
  admin: string;
  /** Microseconds per call of each round, by shape. */
  costs: Map<string, number[]>;
}

/** `--json` prints one line of JSON instead of the table. A peer that is missing is named, and its goal not reached. */
export default async function bench(): Promise<void> {
  printRows('proxy', await measureProxies(), process.argv.includes('--json'));
}

/** Runs everything, in about 90 seconds. Rejects when a proxy gives a bad reply. */
export async function measureProxies(): Promise<Row[]> {
  const load = findProgram('h2load');
  if (load === null) return [envoyRow('', Number.NaN, `not measured: h2load is missing; ${HINT}`)];
  const folder = mkdtempSync(join(tmpdir(), 'meshwright-bench-'));
  const body = join(folder, 'request');
  writeFileSync(body, BODY);
  const children: ChildProcess[] = [];
  const interrupted = (): never => process.exit(130);
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    const upstream = startScript('./upstream.ts', [String(ENDPOINTS)]);
    children.push(upstream);
    const { ports } = await firstLine<{ ports: number[] }>(upstream);
    const running: Running[] = [];
    const missing: string[] = [];
    for (const proxy of PROXIES) {
      if (proxy.program !== null && findProgram(proxy.program) === null) {
        missing.push(proxy.name);
        continue;
      }
      const started = await proxy.start(ports, folder);
      children.push(started.child);
      running.push({ proxy, ...started, costs: new Map(SHAPES.map(({ name }) => [name, []])) });
    }
    await measureRounds(running, load, body);
    await expectAllOk(running[0] as Running);
    const readyMs = await measureReady(ports, folder);
    return rowsOf(running, missing, readyMs);
  } finally {
    await Promise.all(children.map(end));
    rmSync(folder, { recursive: true, force: true });
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
  }
}

/** One round: every shape through every proxy, another one first each time. A first pass warms up and is not counted. */
async function measureRounds(running: readonly Running[], load: string, body: string): Promise<void> {
  const begunMs = performance.now();
  for (const one of running) await run(one, SHAPES[1] as Shape, load, body);
  let longestMs = 0;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const startMs = performance.now();
    if (round >= ROUNDS_MIN && startMs - begunMs + longestMs > TIME_MS_MAX) return;
    for (const shape of SHAPES) {
      for (let index = 0; index < running.length; index++) {
        const one = running[(index + round) % running.length] as Running;
        one.costs.get(shape.name)?.push(await run(one, shape, load, body));
      }
    }
    longestMs = Math.max(longestMs, performance.now() - startMs);
  }
}

/** Microseconds of processor time per call. */
async function run(
  { proxy, child, address }: Running,
  shape: Shape,
  load: string,
  body: string,
): Promise<number> {
  const pid = child.pid as number;
  const beforeUs = cpuUs(pid);
  const calls = proxy.name === 'Envoy' ? shape.calls : shape.calls * shape.factor;
  const size = ['-n', calls, '-c', shape.connections, '-m', shape.streams].map(String);
  const parameters = [...size, '-d', body, ...HEADERS, `http://${address}${PATH}`];
  const { stdout } = await promisify(execFile)(load, parameters, {
    timeout: LOAD_MS_MAX,
    killSignal: 'SIGKILL',
  });
  const good = new RegExp(`${calls} done, ${calls} succeeded, 0 failed, 0 errored, 0 timeout`);
  if (!good.test(stdout) || !stdout.includes(`status codes: ${calls} 2xx`)) {
    const said = stdout.split('\n').filter((line) => /^(requests|status codes):/.test(line));
    throw new Error(
      `${proxy.name} at ${shape.name} lost calls: ${said.join('; ') || 'h2load gave no summary'}`,
    );
  }
  return (cpuUs(pid) - beforeUs) / calls;
}

/** h2load looks at HTTP only: that each call through the sidecar ended with grpc-status 0, spread evenly, its admin tells. */
async function expectAllOk({ admin }: Running): Promise<void> {
  const stats = (await (await fetch(`http://${admin}/stats`)).json()) as SidecarStats;
  const { endpoints } = (await (await fetch(`http://${admin}/clusters`)).json()) as {
    endpoints: ClusterEndpoint[];
  };
  const shares = endpoints.map(({ attemptsStarted }) => attemptsStarted);
  const isEven = Math.max(...shares) - Math.min(...shares) <= 1 && shares.length === ENDPOINTS;
  if (stats.callsByStatus[0] === stats.callsStarted && stats.healthChecks > 0 && isEven) return;
  throw new Error(`the sidecar's calls did not all end well: ${JSON.stringify({ ...stats, shares })}`);
}

/** Milliseconds from the start of the process to its ready line, the median of five. */
async function measureReady(ports: readonly number[], folder: string): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < 5; count++) {
    const beginMs = performance.now();
    const { child } = await SIDECAR.start(ports, folder);
    times.push(performance.now() - beginMs);
    await end(child);
  }
  return median(times);
}

function rowsOf(running: readonly Running[], missing: readonly string[], readyMs: number): Row[] {
  const rows: Row[] = [];
  const ours = running.find(({ proxy }) => proxy === SIDECAR) as Running;
  for (const { name } of SHAPES) {
    const own = ours.costs.get(name) as number[];
    for (const { proxy, costs } of running) {
      const values = costs.get(name) as number[];
      const ratio =
        proxy === SIDECAR ? '' : `; sidecar / ${proxy.name} ${round(median(own) / median(values))}`;
      const note = `[${round(Math.min(...values))} to ${round(Math.max(...values))}], ${values.length} rounds${ratio}`;
      rows.push({ name: `${name} ${proxy.name}`, value: median(values), unit: 'µs/call', goal: null, note });
    }
    if (name !== ENVOY_GOAL.shape) continue;
    const envoy = running.find(({ proxy }) => proxy.name === 'Envoy')?.costs.get(name);
    if (envoy === undefined) rows.push(envoyRow(name, Number.NaN, `not measured: Envoy is missing; ${HINT}`));
    else
      rows.push(envoyRow(name, median(own) / median(envoy), `anchor: Envoy ${round(median(envoy))} µs/call`));
  }
  for (const name of missing)
    process.stderr.write(`${name} is not on this machine and not measured; ${HINT}\n`);
  rows.push({
    name: 'sidecar resident memory after the load',
    value: rssKib(ours.child.pid as number) / 1_024,
    unit: 'MiB',
    goal: null,
    note: '',
  });
  const ready = { bound: READY_GOAL_MS, side: 'at most' } as const;
  rows.push({
    name: 'start to ready',
    value: readyMs,
    unit: 'ms',
    goal: ready,
    note: 'wall clock, median of 5',
  });
  return rows;
}

function envoyRow(shape: string, value: number, note: string): Row {
  const goal = { bound: ENVOY_GOAL.bound, side: 'at most' } as const;
  return { name: `${shape || ENVOY_GOAL.shape} sidecar / Envoy`, value, unit: 'ratio', goal, note };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle] as number;
  return ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
