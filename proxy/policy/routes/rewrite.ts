/** What a route changes of a request's headers, and the marks of a copy. */
import type { RewriteConfig } from './config.ts';
import { methodStart } from './method-path.ts';

/** One field; as the wire's, of which this folder knows nothing. */
export interface Field {
  readonly name: string;
  readonly value: string;
  readonly neverIndexed: boolean;
}

/** Says of a copy that it is one. */
export const MIRROR_HEADER = 'x-meshwright-mirror';
/** What a copy's authority ends in, before its port, as Envoy marks its own. */
const MIRROR_SUFFIX = '-shadow';

/** The fields that endpoints are told. The path is a method's. */
export function rewrite(fields: readonly Field[], config: RewriteConfig): Field[] {
  const { service, method, authority, set = {}, add = {}, remove = [] } = config;
  const gone = new Set([...remove, ...Object.keys(set)]);
  const out: Field[] = [];
  for (const field of fields) {
    if (gone.has(field.name)) continue;
    if (field.name === ':path') out.push({ ...field, value: pathOf(field.value, service, method) });
    else if (field.name === ':authority') out.push({ ...field, value: authority ?? field.value });
    else out.push(field);
  }
  for (const [name, value] of [...Object.entries(set), ...Object.entries(add)])
    out.push({ name, value, neverIndexed: false });
  return out;
}

/** The fields of a copy: marked in its authority, and by a header that an endpoint can ask for. */
export function markMirror(fields: readonly Field[]): Field[] {
  const marked = fields
    .filter(({ name }) => name !== MIRROR_HEADER)
    .map((field) =>
      field.name === ':authority'
        ? { ...field, value: field.value.replace(/(?=:\d+$|$)/, MIRROR_SUFFIX) }
        : field,
    );
  return [...marked, { name: MIRROR_HEADER, value: 'true', neverIndexed: false }];
}

function pathOf(path: string, service: string | undefined, method: string | undefined): string {
  const start = methodStart(path);
  return `/${service ?? path.slice(1, start - 1)}/${method ?? path.slice(start)}`;
}
