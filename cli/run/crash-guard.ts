/**
 * The last boundary of a run: what nobody caught becomes one line and exit code 2. Processes that the run started hold a
 * pipe to it and end with it.
 */
import { printable } from '../../reports/printable.ts';
import { printError } from '../output.ts';

const EXIT_INFRASTRUCTURE = 2;
const EVENTS = ['uncaughtException', 'unhandledRejection'] as const;

/** Guards until `release` is called. `beforeNotice` clears a live line from the terminal. */
export function guardCrashes(beforeNotice: () => void): { release(): void } {
  const onCrash = (error: unknown): void => {
    beforeNotice();
    printError(crashLine(error));
    if (process.env['MESHWRIGHT_DEBUG'] !== undefined && error instanceof Error)
      printError(error.stack ?? '');
    process.exit(EXIT_INFRASTRUCTURE);
  };
  for (const name of EVENTS) process.on(name, onCrash);
  return {
    release: () => {
      for (const name of EVENTS) process.off(name, onCrash);
    },
  };
}

/** What was thrown and the first file and line it came from. */
export function crashLine(error: unknown): string {
  const message =
    error instanceof Error ? `${error.name}: ${error.message.split('\n')[0] ?? ''}` : String(error);
  const frame =
    error instanceof Error
      ? /\n\s+at .*?\(?((?:file:\/\/)?\/[^\s()]+:\d+):\d+\)?/.exec(error.stack ?? '')
      : null;
  const place = frame === null ? '' : ` (at ${frame[1]?.replace('file://', '')})`;
  return `MW_INTERNAL: ${printable(message)}${printable(place)}. Set MESHWRIGHT_DEBUG=1 for the stack.`;
}
