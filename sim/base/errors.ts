/** Caller-visible trouble: a typed error with a stable code. A bug is an assert, not one of these. */

export type ErrorCode =
  | 'MW_USAGE' // a flag or argument
  | 'MW_SCENARIO' // a scenario file or what it says
  | 'MW_CONFIG' // sidecar or endpoint file
  | 'MW_PORT' // a port that cannot be bound
  | 'MW_UPSTREAM' // an upstream that cannot be reached
  | 'MW_PROCESS' // a child process that would not start or died
  | 'MW_TOXIPROXY' // Toxiproxy's API
  | 'MW_JOURNAL' // a journal that cannot be written or read
  | 'MW_INTERRUPTED'; // Ctrl-C

/** `message` says what, `place` where, `remedy` how to mend it. */
export class MeshwrightError extends Error {
  readonly code: ErrorCode;
  readonly place: string | null;
  readonly remedy: string | null;

  constructor(
    code: ErrorCode,
    message: string,
    options: { place?: string; remedy?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'MeshwrightError';
    this.code = code;
    this.place = options.place ?? null;
    this.remedy = options.remedy ?? null;
  }

  /** One line for a terminal. */
  override toString(): string {
    const place = this.place === null ? '' : ` (at ${this.place})`;
    const remedy = this.remedy === null ? '' : ` Fix: ${this.remedy}`;
    return `${this.code}: ${this.message}${place}.${remedy}`;
  }
}
