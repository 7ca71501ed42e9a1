/** Which file called the public entry: read from the stack, so that messages and replay commands can name it. */
import { fileURLToPath } from 'node:url';

/** The first file on the stack outside of this package's engine; null when the stack does not tell. */
export function callerFile(): string | null {
  const lines = (new Error().stack ?? '').split('\n').slice(1, 12);
  for (const line of lines) {
    const match = /\(?((?:file:\/\/)?\/[^()]*?):\d+:\d+\)?$/.exec(line.trim());
    const found = match?.[1];
    if (found === undefined || /[\\/]sim[\\/](?:engine[\\/]|index\.)/.test(found)) continue;
    const path = found.startsWith('file://') ? fileURLToPath(found) : found;
    return path.replace(/[?#].*$/, '');
  }
  return null;
}
