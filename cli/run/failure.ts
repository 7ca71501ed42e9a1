/** What vitest says about a file or test that failed, turned into one plain message with its place in the user's file. */
import { relative } from 'node:path';

export interface Failure {
  code: string;
  message: string;
  /** `file` or `file:line`, relative to the root. */
  file: string | null;
}

/** The parts of vitest's serialized error that are read here. */
export interface SerializedFailure {
  message: string;
  name?: string | undefined;
  stack?: string | undefined;
  stacks?: readonly { file: string; line: number }[] | undefined;
  [key: string]: unknown;
}

/** `file` is the scenario file it happened in; `timeoutMs` explains vitest's own timeout. */
export function failureOf(error: SerializedFailure, file: string, root: string, timeoutMs: number): Failure {
  const here = relative(root, file) || file;
  const message = withoutStack(stripAnsi(error.message ?? String(error)));
  const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
  const code = text(error['code']);
  if (code?.startsWith('MW_')) {
    const place = text(error['place']);
    const remedy = text(error['remedy']);
    return {
      code,
      message: `${message}${place === null ? '' : ` (at ${place})`}.${remedy === null ? '' : ` Fix: ${remedy}`}`,
      file: placeIn(error, file, root),
    };
  }
  if (
    /^Transform failed|^\[vite|PARSE_ERROR/.test(message) ||
    error['__vitest_rollup_error__'] !== undefined
  ) {
    return { code: 'MW_SCENARIO', ...compileFailure(message, here) };
  }
  if (/timed out in \d+ ?ms/.test(message)) {
    return {
      code: 'MW_SCENARIO',
      message: `did not end within ${timeoutMs / 1e3} s. Fix: look for what it waits for, or allow more by --timeout SECONDS`,
      file: here,
    };
  }
  if (code === 'ERR_MODULE_NOT_FOUND' || /^Cannot find (module|package)/.test(message)) {
    const what = message.replace(/ imported from .*/s, '').split('\n')[0] ?? message;
    return { code: 'MW_SCENARIO', message: `does not load: ${what}`, file: placeIn(error, file, root) };
  }
  const name = error.name === undefined || error.name === 'Error' ? '' : `${error.name}: `;
  return { code: 'MW_SCENARIO', message: `throws: ${name}${message}`, file: placeIn(error, file, root) };
}

/** Some errors carry their stack in their message; people get what comes before it, unless they debug. */
function withoutStack(message: string): string {
  if (process.env['MESHWRIGHT_DEBUG'] !== undefined) return message;
  const at = message.search(/\n\s+at \S/);
  return at < 0 ? message : message.slice(0, at);
}

/** Removes terminal colour sequences that a compiler puts into its messages. */
export function stripAnsi(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/\u001b\[[0-9;]*m/g, '');
}

/** The first stack frame that lies in the scenario file, else the file alone. */
function placeIn(error: SerializedFailure, file: string, root: string): string {
  const here = relative(root, file) || file;
  const frame = error.stacks?.find((stack) => stack.file === file);
  if (frame !== undefined) return `${here}:${frame.line}`;
  const at = (error.stack ?? '').indexOf(`${file}:`);
  const line = at < 0 ? null : /^\d+/.exec((error.stack as string).slice(at + file.length + 1));
  return line === null ? here : `${here}:${line[0]}`;
}

function compileFailure(message: string, here: string): { message: string; file: string } {
  const lines = message.split('\n');
  const why =
    lines.find((line) => /\[[A-Z_]+\]/.test(line)) ?? lines.find((line) => line.trim() !== '') ?? message;
  const at = /\[ .*?:(\d+):\d+ \]/.exec(message) ?? /:(\d+):\d+/.exec(message);
  const reason = why.replace(/^.*\[[A-Z_]+\]\s*/, '').trim();
  return { message: `does not compile: ${reason}`, file: at === null ? here : `${here}:${at[1]}` };
}
