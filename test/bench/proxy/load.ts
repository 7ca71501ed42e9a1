/** Loads for a proxy: h2load for calls that repeat, ghz (or our own) for headers never seen before. Bounded in count and time. */
import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { end, firstLine } from './children.ts';
import { ROOT, findProgram } from './programs.ts';
import { startScript } from './proxies.ts';

export const UNARY_PATH = '/my_service.MyService/MyMethod';
const LOAD_MS_MAX = 90_000;
const HEADERS = ['content-type: application/grpc', 'te: trailers', 'grpc-timeout: 30S'].flatMap((line) => [
  '-H',
  line,
]);
const UNIQUE = { traceparent: '{{newUUID}}', 'x-request-id': '{{newUUID}}' };

export interface Load {
  address: string;
  connections: number;
  streams: number;
  /** How many calls, or for how long. */
  calls?: number;
  seconds?: number;
  /** Calls a second of all connections together; as fast as it goes without. */
  rate?: number;
  /** The file with the request's octets. */
  body: string;
  path?: string;
  isTls?: boolean;
  /** A file for the latency of each call. */
  log?: string;
}

export interface Done {
  calls: number;
  /** Calls a second. */
  rate: number;
  /** Microseconds from the request to the end of the reply, when asked for by `log`. */
  latenciesUs: number[];
}

/** Runs h2load. Rejects unless every call ended with HTTP status 200. */
export async function h2load(program: string, load: Load): Promise<Done> {
  const { address, connections, streams, calls, seconds, rate, body, log } = load;
  const parameters = ['-c', String(connections), '-m', String(streams), '-d', body, ...HEADERS];
  parameters.push(...(calls === undefined ? ['-D', `${seconds ?? 1}s`] : ['-n', String(calls)]));
  if (rate !== undefined) parameters.push(`--rps=${rate / connections}`);
  if (log !== undefined) parameters.push(`--log-file=${log}`);
  const url = `${load.isTls === true ? 'https' : 'http'}://${address}${load.path ?? UNARY_PATH}`;
  const { stdout } = await promisify(execFile)(program, [...parameters, url], {
    timeout: LOAD_MS_MAX,
    killSignal: 'SIGKILL',
  });
  const told = /(\d+) done, (\d+) succeeded, 0 failed, 0 errored, 0 timeout/.exec(stdout);
  const good = /status codes: (\d+) 2xx/.exec(stdout);
  const done = Number(told?.[1]);
  // With -D the calls of its last moment are cut short and not counted in every line.
  if (told === null || done === 0 || Number(good?.[1]) < done || (calls !== undefined && done !== calls)) {
    const said = stdout.split('\n').filter((line) => /^(requests|status codes):/.test(line));
    throw new Error(`calls were lost: ${said.join('; ') || 'h2load gave no summary'}`);
  }
  const perSecond = Number(/, ([\d.]+) req\/s/.exec(stdout)?.[1]);
  return { calls: done, rate: perSecond, latenciesUs: log === undefined ? [] : takeLatencies(log) };
}

/** The program for unique headers; '' where ghz is missing: the bench's own load stands in. */
export function uniqueProgram(): string {
  return findProgram('ghz') ?? '';
}

export interface UniqueLoad {
  address: string;
  connections: number;
  streams: number;
  calls: number;
}

/** Calls with a UUID in `traceparent` and in `x-request-id` of each. Rejects unless every call ended with OK. */
export async function uniqueLoad(program: string, load: UniqueLoad): Promise<void> {
  const { address, connections, streams, calls } = load;
  const good = program === '' ? await ownLoad(load) : await ghz(program, load);
  if (good !== calls)
    throw new Error(
      `${calls - good} of ${calls} calls over ${connections} × ${streams} to ${address} were lost`,
    );
}

async function ghz(program: string, { address, connections, streams, calls }: UniqueLoad): Promise<number> {
  const size = ['-c', connections * streams, '--connections', connections, '-n', calls];
  const { stdout } = await promisify(execFile)(
    program,
    [
      ...['--insecure', '--proto', join(ROOT, 'protos/my_service.proto')],
      ...['--call', 'my_service.MyService.MyMethod', '-d', '{"name":"World"}', '-m', JSON.stringify(UNIQUE)],
      ...[...size.map(String), '-O', 'summary', address],
    ],
    { timeout: LOAD_MS_MAX, killSignal: 'SIGKILL', maxBuffer: 16 << 20 },
  );
  return Number(/\[OK\]\s+(\d+) responses/.exec(stdout)?.[1] ?? 0);
}

async function ownLoad({ address, connections, streams, calls }: UniqueLoad): Promise<number> {
  const child = startScript('./unique-load.ts', [address, ...[connections, streams, calls].map(String)]);
  try {
    return (await firstLine<{ ok: number }>(child, undefined, LOAD_MS_MAX)).ok;
  } finally {
    await end(child);
  }
}

function takeLatencies(log: string): number[] {
  const lines = readFileSync(log, 'latin1').split('\n');
  rmSync(log);
  return lines.filter((line) => line !== '').map((line) => Number(line.split('\t')[2]));
}
