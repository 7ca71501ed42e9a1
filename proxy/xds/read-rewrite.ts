/** From what a route changes of a request to what the machine can change, or to the path of the field that it cannot. */
import { areNames, headerName, isChangeable, isSendable } from '../policy/routes/allowed.ts';
import type { MatchConfig, RewriteConfig } from '../policy/routes/config.ts';
import { methodStart } from '../policy/routes/method-path.ts';
import { isThere, refuse } from './read-fields.ts';
import { ResourceError } from './resource-error.ts';
import type { ActionShape, HeaderChangesShape, HeaderOptionShape, MatchShape } from './route-shapes.ts';

const NOT_PATHS = ['regex_rewrite', 'path_rewrite_policy', 'path_rewrite'];
const NOT_HOSTS = ['host_rewrite_header', 'host_rewrite_path_regex', 'host_rewrite'];
const ANSWERS = ['response_headers_to_add', 'response_headers_to_remove'];

/** What says something of headers, and where it stands: the table, the host, the route. */
export type Level = readonly [shape: HeaderChangesShape, path: string];

/** Null: nothing is changed. */
export function readRewrite(
  action: ActionShape,
  match: MatchShape,
  names: MatchConfig,
  path: string,
  levels: readonly Level[],
): RewriteConfig | null {
  refuse(action, NOT_PATHS, path, 'only prefix_rewrite is understood');
  refuse(action, NOT_HOSTS, path, 'only host_rewrite_literal is understood');
  if (action.auto_host_rewrite?.value === true)
    throw new ResourceError(`${path}.auto_host_rewrite`, 'only host_rewrite_literal is understood');
  const host = action.host_rewrite_literal ?? '';
  if (host !== '' && !isSendable(host))
    throw new ResourceError(`${path}.host_rewrite_literal`, `${JSON.stringify(host)} cannot be sent`);
  const said: RewriteConfig = {
    ...readPrefix(action.prefix_rewrite ?? '', match, names, `${path}.prefix_rewrite`),
    ...(host === '' ? {} : { authority: host }),
    ...readHeaders(levels),
  };
  return Object.keys(said).length === 0 ? null : said;
}

/** A whole service where the prefix is one, a whole path where the path is. */
function readPrefix(to: string, match: MatchShape, names: MatchConfig, path: string): RewriteConfig {
  if (to === '' || to === (match.path ?? match.prefix)) return {};
  const { service, method } = names;
  if (isThere(match.path)) {
    const start = methodStart(to);
    if (start > 0) return { service: to.slice(1, start - 1), method: to.slice(start) };
  } else if (service !== undefined && method === undefined && match.prefix?.endsWith('/') === true) {
    const other = to.slice(1, -1);
    if (to === `/${other}/` && areNames(other, 'a')) return { service: other };
  }
  throw new ResourceError(path, `${JSON.stringify(to)} in this place makes no path of a gRPC method`);
}

function readHeaders(levels: readonly Level[]): RewriteConfig {
  const [set, add] = [new Map<string, string>(), new Map<string, string>()];
  const remove: string[] = [];
  const seen = new Set<string>();
  const changed = (key: string | undefined, path: string): string => {
    const name = headerName(key ?? '');
    if (name === null) throw new ResourceError(path, `${JSON.stringify(key ?? '')} names no header`);
    if (!isChangeable(name)) throw new ResourceError(path, `the header ${name} is not a route's to change`);
    if (seen.has(name)) throw new ResourceError(path, `the header ${name} is changed twice`);
    seen.add(name);
    return name;
  };
  for (const [shape, path] of levels) {
    refuse(shape, ANSWERS, path.slice(0, -1), 'headers of answers stay as they are here');
    (shape.request_headers_to_add ?? []).forEach((option, at) => {
      const place = `${path}request_headers_to_add[${at}]`;
      const name = changed(option.header?.key, `${place}.header.key`);
      const into = replaces(option, place) ? set : add;
      into.set(name, valueOf(option, place));
    });
    (shape.request_headers_to_remove ?? []).forEach((name, at) =>
      remove.push(changed(name, `${path}request_headers_to_remove[${at}]`)),
    );
  }
  return {
    ...(set.size === 0 ? {} : { set: Object.fromEntries(set) }),
    ...(add.size === 0 ? {} : { add: Object.fromEntries(add) }),
    ...(remove.length === 0 ? {} : { remove }),
  };
}

/** Instead of what is there, and not beside it. */
function replaces({ append, append_action: action }: HeaderOptionShape, path: string): boolean {
  if (action === 'OVERWRITE_IF_EXISTS_OR_ADD') return true;
  if (!isThere(action) || action === 'APPEND_IF_EXISTS_OR_ADD')
    return isThere(append) && append.value !== true;
  throw new ResourceError(`${path}.append_action`, `${action} cannot be told here`);
}

function valueOf({ header }: HeaderOptionShape, path: string): string {
  const place = `${path}.header.value`;
  if (isThere(header?.raw_value))
    throw new ResourceError(`${path}.header.raw_value`, 'only value is understood');
  const value = header?.value ?? '';
  if (!isSendable(value)) throw new ResourceError(place, `${JSON.stringify(value)} cannot be sent`);
  if (value.includes('%'))
    throw new ResourceError(place, `${JSON.stringify(value)} is more than a plain text`);
  return value;
}
