/** From a RouteMatch to what the table of routes can ask, or to the path of the field that it cannot. */
import { headerName } from '../policy/routes/allowed.ts';
import type { MatchConfig } from '../policy/routes/config.ts';
import { methodStart } from '../policy/routes/method-path.ts';
import { isThere, refuse } from './read-fields.ts';
import { ResourceError } from './resource-error.ts';
import type { HeaderMatcherShape, MatchShape } from './route-shapes.ts';

const DENOMINATORS: Readonly<Record<string, number>> = { HUNDRED: 100, TEN_THOUSAND: 10_000, MILLION: 1e6 };
const PATHS = ['safe_regex', 'connect_matcher', 'path_separated_prefix', 'path_match_policy'];
const CONDITIONS = ['query_parameters', 'cookies', 'tls_context', 'dynamic_metadata', 'filter_state'];
const VALUES = ['safe_regex_match', 'range_match', 'contains_match'];
const TEXTS = ['safe_regex', 'contains', 'custom', 'ignore_case'];

/** Null: no call of gRPC can match (A28). */
export function readMatch(shape: MatchShape, path: string): MatchConfig | null {
  refuse(shape, PATHS, path, 'only prefix and path are understood');
  refuse(shape, CONDITIONS, path, 'routes cannot ask for it here');
  if (isThere(shape.case_sensitive) && shape.case_sensitive.value !== true)
    throw new ResourceError(`${path}.case_sensitive`, 'paths are compared as they are');
  const share = readShare(shape.runtime_fraction);
  if (share > 0 && share < 1)
    throw new ResourceError(
      `${path}.runtime_fraction`,
      'a part of the calls is what weighted_clusters is for',
    );
  const names = readPath(shape, path);
  const headers = readHeaders(shape.headers ?? [], `${path}.headers`);
  if (names === null || share === 0) return null;
  return headers === null ? names : { ...names, headers };
}

/** A runtime fraction, 0 to 1; 1 where there is none. */
export function readShare(shape: MatchShape['runtime_fraction'] | null): number {
  if (!isThere(shape)) return 1;
  const { numerator = 0, denominator = 'HUNDRED' } = shape.default_value ?? {};
  return Math.min(1, numerator / (DENOMINATORS[denominator] ?? 100));
}

function readPath({ prefix, path: exact }: MatchShape, path: string): MatchConfig | null {
  if (isThere(exact)) {
    const start = methodStart(plain(exact, `${path}.path`));
    return start < 0 ? null : { service: exact.slice(1, start - 1), method: exact.slice(start) };
  }
  if (!isThere(prefix)) throw new ResourceError(path, 'it has neither prefix nor path');
  plain(prefix, `${path}.prefix`);
  if (prefix === '' || prefix === '/') return {};
  const [before, service, method, more] = prefix.split('/');
  if (before !== '' || more !== undefined) return null;
  if (method === undefined) return { service: `${service}*` };
  if (service === '') return null;
  return method === ''
    ? { service: service as string }
    : { service: service as string, method: `${method}*` };
}

function readHeaders(shapes: readonly HeaderMatcherShape[], path: string): Record<string, string> | null {
  if (shapes.length === 0) return null;
  // A map first: a header may be called as something that each object has.
  const headers = new Map<string, string>();
  shapes.forEach((shape, at) => {
    const place = `${path}[${at}]`;
    const name = headerName(shape.name ?? '');
    if (name === null)
      throw new ResourceError(`${place}.name`, `${JSON.stringify(shape.name ?? '')} names no header`);
    if (headers.has(name))
      throw new ResourceError(`${place}.name`, `two conditions for ${name} cannot be told`);
    refuse(shape, ['invert_match', 'treat_missing_header_as_empty'], place, 'it cannot be told here');
    headers.set(name, readValue(shape, place));
  });
  return Object.fromEntries(headers);
}

/** The pattern of a header's value. */
function readValue(shape: HeaderMatcherShape, path: string): string {
  refuse(shape, VALUES, path, 'only exact, prefix, suffix and present values are understood');
  const { string_match: text } = shape;
  const place = isThere(text) ? `${path}.string_match` : path;
  if (isThere(text)) {
    refuse(text, TEXTS, place, 'only exact, prefix and suffix values are understood');
    return readText(text.exact, text.prefix, text.suffix, place);
  }
  if (shape.present_match === false)
    throw new ResourceError(`${path}.present_match`, 'that a header is not there cannot be told here');
  return readText(shape.exact_match, shape.prefix_match, shape.suffix_match, place);
}

/** Without any the header has to be there. */
function readText(
  exact: string | undefined,
  prefix: string | undefined,
  suffix: string | undefined,
  path: string,
): string {
  if (isThere(exact)) return plain(exact, path);
  if (isThere(prefix)) return `${plain(prefix, path)}*`;
  return isThere(suffix) ? `*${plain(suffix, path)}` : '*';
}

function plain(text: string, path: string): string {
  if (!text.includes('*')) return text;
  throw new ResourceError(path, `a star cannot be told from a pattern's: ${JSON.stringify(text)}`);
}
