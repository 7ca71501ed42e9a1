/** Why a resource is refused: the field's path and what is wrong with it. Becomes the reason of a NACK. */

export class ResourceError extends Error {
  readonly path: string;

  constructor(path: string, what: string) {
    super(path === '' ? what : `${path}: ${what}`);
    this.name = 'ResourceError';
    this.path = path;
  }
}
