/** Why a resource is refused: the field's path and what is wrong with it. Becomes the reason of a NACK. */

export class ResourceError extends Error {
  readonly path: string;
  readonly what: string;

  constructor(path: string, what: string) {
    super(path === '' ? what : `${path}: ${what}`);
    this.name = 'ResourceError';
    this.path = path;
    this.what = what;
  }

  /** The same, of a field within `place`: so paths are made only where something is wrong. */
  within(place: string): ResourceError {
    return new ResourceError(`${place}.${this.path}`, this.what);
  }
}
