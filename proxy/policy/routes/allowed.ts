/** What may stand in a match or a rewrite of a route: asked by whoever reads one, who says it in the words of its source. */
import { methodStart } from './method-path.ts';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** gRPC's and HTTP/2's own: a call without them, or with others, is another call. */
const NOT_TO_CHANGE =
  /^(:.*|te|content-type|grpc-.*|connection|keep-alive|transfer-encoding|upgrade|x-meshwright-mirror)$/;

/** A header's name in lower case; null: it names none. */
export function headerName(name: string): string | null {
  const lower = name.toLowerCase();
  return TOKEN.test(lower) ? lower : null;
}

/** A route may change the header of this name, which is in lower case. */
export function isChangeable(name: string): boolean {
  return !NOT_TO_CHANGE.test(name);
}

/** The text can be a header's value. */
export function isSendable(value: string): boolean {
  return /^[\x20-\x7e]+$/.test(value);
}

/** The text is exact, or has one star at one end. */
export function isPattern(text: string): boolean {
  return !text.slice(1, -1).includes('*') && text !== '**';
}

/** A method's path can be made of them. */
export function areNames(service: string, method: string): boolean {
  return methodStart(`/${service}/${method}`) === service.length + 2;
}
