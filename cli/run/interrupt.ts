/** Ctrl-C and its relatives: the first asks the run to stop and still write its reports, the second ends the process now. */
import { printError } from '../output.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const EXIT_INTERRUPTED = 130;

export interface Interrupt {
  readonly signal: AbortSignal;
  /** Gives the signals back to whoever had them. */
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
      for (const name of SIGNALS) process.off(name, onSignal);
    },
  };
}
