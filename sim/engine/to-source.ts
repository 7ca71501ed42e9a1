/** `toSource`: a scenario as TypeScript that can be pasted into a file: how a shrunk fault plan is shown to a person. */
import type { CheckSpec } from '../spec/check.ts';
import type { FaultMenu, FaultSpec, Latency, LoadSpec, Scenario } from '../spec/scenario.ts';
import { faultMenu } from './menu.ts';

/** `seed` goes into the first line, with the command that runs it. */
export function toSource(scenario: Scenario, seed: number): string {
  const { name, spec } = scenario;
  const faults = (spec.faults?.(clock) ?? []).map(faultSource);
  const names = ['scenario', 'check', 'load'].sort().join(', ');
  const lines = [
    `// npx meshwright run <this file> --world virtual --seed ${seed}`,
    `import { ${names} } from 'meshwright';`,
    '',
    `export default scenario(${literal(name)}, {`,
    '  mesh: {',
    '    services: {',
    ...Object.entries(spec.mesh.services).map(([service, { latency, ...rest }]) => {
      const drawn = latency === undefined ? '' : `, latency: ${latencySource(latency)}`;
      return `      ${key(service)}: { ${fields(rest)}${drawn} },`;
    }),
    '    },',
    ...(spec.mesh.sidecar === undefined ? [] : [`    sidecar: ${literal(spec.mesh.sidecar)},`]),
    '  },',
    ...(spec.load === undefined ? [] : [`  load: ${loadSource(spec.load)},`]),
    ...(faults.length === 0
      ? []
      : ['  faults: (at) => [', ...faults.map((fault) => `    ${fault},`), '  ],']),
    `  checks: [${spec.checks.map(checkSource).join(', ')}],`,
    '});',
    '',
  ];
  return lines.join('\n');
}

const clock = (time: unknown): FaultMenu<string> =>
  faultMenu(
    (kind, target, params): FaultSpec => ({ atMs: time as number, kind, target, params }),
  ) as FaultMenu<string>;

function faultSource({ atMs, kind, target, params }: FaultSpec): string {
  const given = Object.keys(params).length === 0 ? [] : [literal(params)];
  const told = kind === 'xds.routes' ? [literal(params['routes'])] : given;
  // The one registry or control plane of a mesh is not named.
  const parts = target === 'registry' || target === 'plane' ? told : [literal(target), ...told];
  return `at(${literal(atMs)}).${kind}(${parts.join(', ')})`;
}

function checkSource({ name, params }: CheckSpec): string {
  return `check.${name}(${Object.keys(params).length === 0 ? '' : literal(params)})`;
}

function loadSource({ kind, ...rest }: LoadSpec): string {
  return `load.${kind}(${literal(rest)})`;
}

function latencySource({ kind, ...rest }: Latency): string {
  return `load.${kind}(${'ms' in rest ? literal(rest.ms) : literal(rest)})`;
}

/** A plain value as TypeScript, single-quoted, with nothing in it that could end the literal early. */
function literal(value: unknown): string {
  if (typeof value === 'string') {
    const inner = JSON.stringify(value).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
    return `'${inner}'`;
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value))
      return Number.isNaN(value) ? 'Number.NaN' : `${value < 0 ? '-' : ''}Infinity`;
    const [whole = '', part] = String(value).split('.');
    const grouped = /^\d{5,15}$/.test(whole) ? whole.replace(/(?<=\d)(?=(\d{3})+$)/g, '_') : whole;
    return part === undefined ? grouped : `${grouped}.${part}`;
  }
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (typeof value === 'object' && value !== null) return `{ ${fields(value)} }`;
  return String(value);
}

function fields(value: object): string {
  return Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .map(([name, field]) => `${key(name)}: ${literal(field)}`)
    .join(', ');
}

function key(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : literal(name);
}
