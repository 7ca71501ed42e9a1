// The cases of grpc-go's interop client that need no cloud and no credentials, and how one is run.
import { spawn } from 'node:child_process';
import type { Programs } from './programs.ts';

const CASE_MS_MAX = 90_000;
const SAID_CHARS_MAX = 8_000;

export interface Case {
  name: string;
  flags?: readonly string[];
  /** It sets something on a server with one call and looks for it with the next: both have to reach the same one. */
  oneServer?: true;
}

export interface Outcome {
  passed: boolean;
  /** The last the client said. */
  said: string;
}

export const CASES: readonly Case[] = [
  { name: 'empty_unary' },
  { name: 'large_unary' },
  { name: 'client_streaming' },
  { name: 'server_streaming' },
  { name: 'ping_pong' },
  { name: 'empty_stream' },
  { name: 'timeout_on_sleeping_server' },
  { name: 'cancel_after_begin' },
  { name: 'cancel_after_first_response' },
  { name: 'status_code_and_message' },
  { name: 'special_status_message' },
  { name: 'custom_metadata' },
  { name: 'unimplemented_method' },
  { name: 'unimplemented_service' },
  { name: 'rpc_soak', flags: ['--soak_overall_timeout_seconds=60'] },
  { name: 'channel_soak', flags: ['--soak_overall_timeout_seconds=60'] },
  { name: 'orca_per_rpc' },
  { name: 'orca_oob', oneServer: true },
  { name: 'pick_first_unary', oneServer: true },
];

/** Runs the client once against a port of loopback. */
export async function runCase(programs: Programs, one: Case, port: number): Promise<Outcome> {
  const { code, said } = await runClient(programs, one.name, port, one.flags ?? [], CASE_MS_MAX);
  return { passed: code === 0, said: said.slice(-400) };
}

/** The client's exit code (null: it was ended by its time limit) and the end of what it said. */
export function runClient(
  programs: Programs,
  name: string,
  port: number,
  flags: readonly string[],
  msMax: number,
): Promise<{ code: number | null; said: string }> {
  const own = ['--server_host=127.0.0.1', `--server_port=${port}`, `--test_case=${name}`];
  // Its load balancer for the two ORCA cases is chosen by the service configuration, as gRPC's own runner does it.
  const orca = name.startsWith('orca')
    ? ['--service_config_json={"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}']
    : [];
  const child = spawn(programs.client, [...own, ...orca, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: msMax,
    killSignal: 'SIGKILL',
  });
  let said = '';
  const hear = (chunk: Buffer): void => {
    said = (said + chunk.toString()).slice(-SAID_CHARS_MAX);
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, said: said.trim().replaceAll('\n', ' | ') }));
  });
}
