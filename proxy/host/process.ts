/** A sidecar as a process of its own: ready line, signals, exit codes. */
import { resolveOptions } from './options.ts';
import type { RawOptions } from './options.ts';
import { SidecarServer } from './server.ts';
import type { WorkerGroup } from './workers.ts';

const EXIT_USAGE = 2;

/**
 * Runs until a signal ends it; the process exits here. `flags` by name as in SIDECAR_FLAGS. Trouble with what the user
 * gave: one line on standard error and exit code 2.
 */
export async function runSidecar(flags: RawOptions): Promise<void> {
  let server: SidecarServer | WorkerGroup | null = null;
  let stopping = false;
  const stop = (): void => {
    if (stopping) process.exit(1);
    stopping = true;
    if (server === null) process.exit(0);
    void server.stop().then(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  try {
    const { config } = flags;
    const file = typeof config === 'string' ? (await import('./config-file.ts')).readConfigFile(config) : {};
    const options = resolveOptions(flags, file);
    if (options.watchStdin) {
      process.stdin.on('end', () => process.exit(0));
      process.stdin.on('error', () => process.exit(0));
      process.stdin.resume();
    }
    if (options.workers === 1) server = await SidecarServer.start(options, { warn });
    else {
      const { WorkerGroup } = await import('./workers.ts');
      server = await WorkerGroup.start(options, [flags, file], { warn });
    }
    const { listen, admin } = server;
    const workers = 'pids' in server ? { workers: server.pids } : {};
    process.stdout.write(
      `${JSON.stringify({ event: 'ready', listen, admin, pid: process.pid, ...workers })}\n`,
    );
  } catch (error) {
    if (!(error instanceof Error && 'remedy' in error)) throw error;
    process.stderr.write(`${printable(String(error))}\n`);
    process.exit(EXIT_USAGE);
  }
}

function warn(message: string): void {
  process.stderr.write(`meshwright sidecar: ${printable(message)}\n`);
}

/** One line, without control characters that a terminal would obey. */
function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}
