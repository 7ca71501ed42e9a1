/** The command line's entry: finds the command, loads only that one (a sidecar must start fast), turns trouble into one line. */
import { Command, CommanderError } from 'commander';
import { MeshwrightError } from '../sim/base/errors.ts';
import { printable } from '../reports/printable.ts';
import { guardPipes, printError } from './output.ts';
import { packageVersion } from './version.ts';

const EXIT_USAGE = 2;

/** The commands, each in a file of its own that is loaded when it is asked for. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import('./run.ts')).runCommand(),
  sidecar: async () => (await import('./sidecar.ts')).sidecarCommand(),
  'control-plane': async () => (await import('./control-plane.ts')).controlPlaneCommand(),
  registry: async () => (await import('./registry.ts')).registryCommand(),
  schema: async () => (await import('./schema.ts')).schemaCommand(),
  toxiproxy: async () => (await import('./toxiproxy.ts')).toxiproxyCommand(),
  'demo-server': async () => (await import('./demo-server.ts')).demoServerCommand(),
};

/** Runs the command that `argv` (as process.argv) asks for. Sets process.exitCode; never rejects. */
export async function main(argv: readonly string[]): Promise<void> {
  guardPipes();
  try {
    refuseUnknown(argv[2]);
    const program = await buildProgram(argv[2]);
    await program.parseAsync([...argv]);
  } catch (error) {
    process.exitCode = report(error);
  }
}

/** Throws MW_USAGE for a word that is no command. */
function refuseUnknown(asked: string | undefined): void {
  if (asked === undefined || asked.startsWith('-') || Object.hasOwn(COMMANDS, asked)) return;
  const names = Object.keys(COMMANDS).join(', ');
  throw new MeshwrightError('MW_USAGE', `unknown command ${JSON.stringify(asked)}`, {
    place: 'the first argument',
    remedy: `use one of ${names}; \`meshwright --help\` describes them.`,
  });
}

async function buildProgram(asked: string | undefined): Promise<Command> {
  const program = new Command('meshwright')
    .description(
      'Test and simulate service-mesh behaviour: write a fault in TypeScript, see whether your mesh survives it.',
    )
    .version(packageVersion(), '--version')
    .helpCommand(false)
    .exitOverride();
  const one = asked === undefined || !Object.hasOwn(COMMANDS, asked) ? undefined : COMMANDS[asked];
  const builders = one === undefined ? Object.values(COMMANDS) : [one];
  for (const build of builders) {
    const command = await build();
    command.exitOverride();
    program.addCommand(command);
  }
  return program;
}

/** Prints what went wrong and returns the exit code. */
function report(error: unknown): number {
  if (error instanceof CommanderError) {
    // Commander has printed its message already; help and version are no trouble.
    return error.exitCode === 0 ? 0 : EXIT_USAGE;
  }
  const debug = process.env['MESHWRIGHT_DEBUG'] !== undefined;
  if (error instanceof Error && (error instanceof MeshwrightError || 'remedy' in error)) {
    printError(printable(String(error)));
  } else {
    const message = error instanceof Error ? error.message : String(error);
    printError(`MW_INTERNAL: ${printable(message)}. Set MESHWRIGHT_DEBUG=1 for the stack.`);
  }
  if (debug && error instanceof Error) printError(error.stack ?? '');
  return EXIT_USAGE;
}
