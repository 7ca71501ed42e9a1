/**
 * The one reader of `:path` for everything that decides by it: `/package.Service/Method`, printable ASCII, no escapes, no query.
 * What it does not take has no route, so that no spelling of a path means one thing here and another one at the endpoint.
 */

/** Where the method begins; -1: not a method's path. */
export function methodStart(path: string): number {
  if (path.charCodeAt(0) !== SLASH) return -1;
  const slash = path.indexOf('/', 1);
  if (slash < 2 || slash === path.length - 1) return -1;
  for (let at = 1; at < path.length; at++) {
    const code = path.charCodeAt(at);
    if (code <= SPACE || code >= DELETE || code === PERCENT || code === QUESTION || code === HASH) return -1;
    if (code === SLASH && at !== slash) return -1;
  }
  return slash + 1;
}

const SPACE = 0x20;
const HASH = 0x23;
const PERCENT = 0x25;
const SLASH = 0x2f;
const QUESTION = 0x3f;
const DELETE = 0x7f;
