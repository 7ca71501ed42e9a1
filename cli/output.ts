/** Printing that survives a closed pipe: `meshwright run | head` must not end in a stack trace. */

/** Call once at the start: a reader that goes away is no error. */
export function guardPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
}

export function print(text: string): void {
  if (process.stdout.writable) process.stdout.write(`${text}\n`);
}

export function printError(text: string): void {
  if (process.stderr.writable) process.stderr.write(`${text}\n`);
}
