/** Caller-visible trouble of the sidecar: a typed error with a stable code. A bug is an assert, not one of these. */

export type SidecarErrorCode =
  | 'MW_USAGE' // a flag or argument
  | 'MW_CONFIG' // configuration or endpoint file
  | 'MW_PORT'; // a port that cannot be bound

/** `message` says what, `place` where, `remedy` how to mend it. */
export class SidecarError extends Error {
  readonly code: SidecarErrorCode;
  readonly place: string | null;
  readonly remedy: string | null;

  constructor(code: SidecarErrorCode, message: string, options: { place?: string; remedy?: string } = {}) {
    super(message);
    this.name = 'SidecarError';
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
