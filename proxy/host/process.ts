/** A sidecar as a process of its own: ready line, signals, reload, handover, exit codes. */
import { resolveOptions } from './options.ts';
import type { RawOptions } from './flags.ts';
import type { SidecarOptions } from './options.ts';
import { Generation } from './generation.ts';
import type { Serving } from './generation.ts';
import { SidecarServer } from './server.ts';
import type { MakeServing } from './server.ts';
import type { RawPair, WorkerGroup } from './workers.ts';
import { boundYoungGeneration } from './young-generation.ts';

const EXIT_USAGE = 2;
const PARENT_MS = 500;

/**
 * Runs until a signal ends it; the process exits here. SIGHUP reads the configuration file again. `flags` by name as in
 * SIDECAR_FLAGS. Trouble with what the user gave: one line on standard error and exit code 2.
 */
export async function runSidecar(flags: RawOptions): Promise<void> {
  let server: SidecarServer<Serving> | null = null;
  let stopping = false;
  const stop = (): void => {
    if (stopping) process.exit(1);
    stopping = true;
    if (server === null) process.exit(0);
    void server.stop().then(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  let raw: RawPair = [flags, {}];
  const read = async (): Promise<SidecarOptions> => {
    const { config } = flags;
    const file = typeof config === 'string' ? (await import('./config-file.ts')).readConfigFile(config) : {};
    const options = resolveOptions(flags, file);
    raw = [flags, file];
    return options;
  };
  process.on('SIGHUP', () => void server?.reload(read));
  try {
    const options = await read();
    const inherited = await predecessor(options);
    if (inherited !== null) watchParent(stop);
    if (options.watchStdin) {
      process.stdin.on('end', () => process.exit(0));
      process.stdin.on('error', () => process.exit(0));
      process.stdin.resume();
    }
    const make: MakeServing<Generation | WorkerGroup> = async (next, log) => {
      if (next.workers === 1) return Generation.start(next, log);
      const { WorkerGroup } = await import('./workers.ts');
      return WorkerGroup.start(next, raw, log);
    };
    const started = await SidecarServer.startWith(options, { warn }, make, inherited);
    server = started;
    started.onSucceeded = () => process.exit(0);
    const { listen, admin, serving } = started;
    boundYoungGeneration();
    const workers = 'pids' in serving ? { workers: serving.pids } : {};
    process.stdout.write(
      `${JSON.stringify({ event: 'ready', listen, admin, pid: process.pid, ...workers })}\n`,
    );
  } catch (error) {
    if (!(error instanceof Error && 'remedy' in error)) throw error;
    process.stderr.write(`${printable(String(error))}\n`);
    process.exit(EXIT_USAGE);
  }
}

/** How to take a running sidecar's port over, where that is asked for; else null. */
async function predecessor({ takeover, control, traceFd }: SidecarOptions) {
  if (!takeover || control === null) return null;
  const { inherit, launchSuccessor } = await import('./handover.ts');
  if (!process.connected) await launchSuccessor(control, traceFd);
  return () => inherit(control);
}

/** The launcher's end, also a violent one, is ours. */
function watchParent(stop: () => void): void {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    stop();
  }, PARENT_MS).unref();
}

function warn(message: string): void {
  process.stderr.write(`meshwright sidecar: ${printable(message)}\n`);
}

/** One line, without control characters that a terminal would obey. */
function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}
