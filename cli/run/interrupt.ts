/** Ctrl-C and its relatives: the first asks the run to stop and still write its reports, the second ends the process now. */
import { printError } from '../output.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const EXIT_INTERRUPTED = 130;

export interface Interrupt {
  readonly signal: AbortSignal;
  /** The reports are written: from now on a signal ends the process at once, with the code that the run earned. */
  release(): void;
}

/** `beforeNotice` clears a live line from the terminal. */
export function watchInterrupts(beforeNotice: () => void): Interrupt {
  const abort = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    if (abort.signal.aborted) process.exit(EXIT_INTERRUPTED);
    beforeNotice();
    printError(`${name}: stopping what runs and writing the report; once more ends at once`);
    abort.abort();
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    signal: abort.signal,
    release: () => {
      for (const name of SIGNALS) {
        process.off(name, onSignal);
        process.on(name, () => process.exit(process.exitCode ?? EXIT_INTERRUPTED));
      }
    },
  };
}
