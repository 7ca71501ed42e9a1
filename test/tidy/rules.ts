/** The rules of ARCHITECTURE.md as functions from a source to complaints, so that a test can plant a violation. */
import { importsOf, type Source, withoutComments } from './sources.ts';

/** Folder to what it may import besides itself: own folders (longest prefix decides), 'node:*', node modules by name, 'packages'. */
const TABLE: Readonly<Record<string, readonly string[]>> = {
  'proxy/wire': [],
  'proxy/policy': [],
  'proxy/core': ['proxy/wire', 'proxy/policy'],
  'proxy/xds': ['proxy/policy'],
  'proxy/registry': ['proxy/policy', 'node:*', 'packages'],
  'proxy/discovery': ['proxy/policy', 'proxy/xds', 'proxy/registry', 'node:*', 'packages'],
  'proxy/control-plane': ['proxy/policy', 'proxy/xds', 'proxy/discovery', 'proxy/host', 'node:*', 'packages'],
  'proxy/host': ['proxy', 'node:*', 'packages'],
  proxy: ['proxy', 'node:*', 'packages'],
  'sim/base': [],
  'sim/rules': [],
  'sim/journal': ['sim/base', 'node:crypto', 'node:zlib', 'node:fs'],
  'sim/faults': ['sim/base', 'sim/journal', 'sim/spec', 'packages'],
  'sim/spec': ['sim/base', 'sim/journal', 'sim/faults'],
  'sim/checks': ['sim/base', 'sim/journal', 'sim/spec'],
  'sim/plane': ['sim/base', 'sim/journal', 'sim/faults', 'sim/spec', 'proxy/policy', 'proxy/xds'],
  'sim/virtual': [
    'sim/plane',
    'sim/base',
    'sim/journal',
    'sim/faults',
    'sim/spec',
    'proxy/core',
    'proxy/wire',
    'proxy/policy',
    'proxy/xds',
    'proxy/registry',
  ],
  'sim/real': [
    'sim/base',
    'sim/journal',
    'sim/faults',
    'sim/spec',
    'sim/plane',
    'proxy/host',
    'proxy/discovery',
    'proxy/xds',
    'proxy/registry',
    'node:*',
    'packages',
  ],
  sim: ['sim', 'node:*', 'packages'],
  scenarios: ['meshwright'],
  reports: ['sim/spec', 'node:*', 'packages'],
  cli: ['cli', 'proxy', 'sim', 'reports', 'node:*', 'packages'],
};

export const SANS_IO: readonly string[] = [
  'proxy/wire',
  'proxy/policy',
  'proxy/core',
  'proxy/xds',
  'sim/base',
  'sim/rules',
  'sim/faults',
  'sim/checks',
  'sim/plane',
  'sim/virtual',
  'sim/spec',
];

const FORBIDDEN: readonly [pattern: RegExp, what: string][] = [
  [/\bDate\.now\b|\bnew Date\b|\bperformance\.now\b|\bprocess\.hrtime\b/, 'reads a clock'],
  [/\bMath\.random\b|\bcrypto\.random\w*|\brandomBytes\b/, 'draws unseeded randomness'],
  [/\bsetTimeout\(|\bsetInterval\(|\bsetImmediate\(/, 'sets a timer'],
  [/\bMath\.pow\b|[\w)\]]\s*\*\*\s*[\w(]/, 'uses a power, which differs between engines'],
];

const LINES_MAX = 400;
/** Generated tables may be longer. */
const LONG_ALLOWED = /table|generated/;

/** The folder of the table that a path belongs to. */
function folderOf(path: string): string | null {
  const folders = Object.keys(TABLE).filter((folder) => path.startsWith(`${folder}/`));
  return folders.sort((a, b) => b.length - a.length)[0] ?? null;
}

export function importComplaints(source: Source): string[] {
  const folder = folderOf(source.path);
  if (folder === null) return [`${source.path}: its folder is not in the import table`];
  const allowed = TABLE[folder] as readonly string[];
  return importsOf(source)
    .filter(({ target }) => !mayImport(folder, allowed, target))
    .map(({ target }) => `${source.path}: ${folder} may not import ${target}`);
}

function mayImport(folder: string, allowed: readonly string[], target: string): boolean {
  if (target.startsWith('node:')) return allowed.includes('node:*') || allowed.includes(target);
  if (/^(proxy|sim|reports|cli|scenarios|test|scripts)\//.test(target)) {
    return [folder, ...allowed].some((prefix) => target.startsWith(`${prefix}/`));
  }
  return allowed.includes(target) || (allowed.includes('packages') && !target.startsWith('.'));
}

export function sansIoComplaints(source: Source): string[] {
  if (!SANS_IO.some((folder) => source.path.startsWith(`${folder}/`))) return [];
  const code = withoutComments(source.text).replace(/'[^'\n]*'|`[^`]*`/g, "''");
  return FORBIDDEN.filter(([pattern]) => pattern.test(code)).map(([, what]) => `${source.path}: ${what}`);
}

export function shapeComplaints({ path, text }: Source): string[] {
  const complaints: string[] = [];
  const lines = text.split('\n').length;
  if (lines > LINES_MAX && !LONG_ALLOWED.test(path))
    complaints.push(`${path}: ${lines} lines, more than ${LINES_MAX}`);
  if (!/^(\/\*|\/\/)/.test(text))
    complaints.push(`${path}: does not open with a comment that says what it is`);
  return complaints;
}
