/** The wire limits that the user sets: `--limit NAME=VALUE` and `limits:` in the file, checked against the one table. */
import { SidecarError } from '../policy/trouble.ts';
import { LIMITS, type Limit, type LimitName } from '../wire/limits-table.ts';
import type { WireLimits } from '../wire/limits.ts';
import { nearestName } from './nearest-name.ts';
import { HOST_LIMITS, type HostLimitName, type HostLimits } from './limits-table.ts';

/** What one side's connections are held to, where it differs from the defaults. */
export type ConnectionLimits = Partial<WireLimits & HostLimits>;

/** What differs from the defaults. `server`: connections from callers; `client`: connections to endpoints. */
export interface LimitOptions {
  readonly server: ConnectionLimits;
  readonly client: ConnectionLimits;
}

const ALL: Readonly<Record<Name, Limit>> = { ...LIMITS, ...HOST_LIMITS };
const NAMES = Object.keys(ALL) as Name[];
const ROLES = ['server', 'client'] as const;
type Role = (typeof ROLES)[number];
type Name = LimitName | HostLimitName;
type Given = Record<Role, Partial<Record<Name, number>>>;

/**
 * Both in the form `NAME=VALUE,ROLE.NAME=VALUE`. Flags win over the file; in each of the two a role's own value wins over
 * the one for both. Throws a SidecarError that names the nearest limit, or the range.
 */
export function resolveLimits(flags: string | null, file: string | null): LimitOptions {
  const given: Given = { server: {}, client: {} };
  read(file, given, (name) => `limits.${name} in the configuration file`);
  read(flags, given, () => '--limit');
  return given;
}

function read(text: string | null, given: Given, placeOf: (name: string) => string): void {
  const items = (text ?? '').split(',').filter((item) => item.trim() !== '');
  const own: Given = { server: {}, client: {} };
  for (const item of items) {
    const [path, value] = split(item.trim(), placeOf);
    const dot = path.indexOf('.');
    const role = dot < 0 ? null : path.slice(0, dot);
    const place = placeOf(path);
    const name = nameOf(path.slice(dot + 1), place);
    const limit = ALL[name];
    const amount = numberOf(name, limit, value, place);
    if (role === null) {
      for (const each of ROLES)
        if (limit.roles === 'both' || limit.roles === each) given[each][name] = amount;
    } else {
      own[roleOf(role, name, limit, place)][name] = amount;
    }
  }
  for (const role of ROLES) Object.assign(given[role], own[role]);
}

function split(item: string, placeOf: (name: string) => string): [path: string, value: string] {
  const at = item.indexOf('=');
  if (at > 0) return [item.slice(0, at).trim(), item.slice(at + 1).trim()];
  throw wrong(`${JSON.stringify(item)} is not NAME=VALUE`, placeOf(item), 'write it as in resetBurst=500');
}

function nameOf(name: string, place: string): Name {
  if (Object.hasOwn(ALL, name)) return name as Name;
  throw wrong(
    `there is no limit ${JSON.stringify(name)}`,
    place,
    `the nearest is ${nearestName(name, NAMES)}; docs/limits.md lists all`,
  );
}

function roleOf(text: string, name: Name, limit: Limit, place: string): Role {
  const role = ROLES.find((each) => each === text);
  if (role === undefined) {
    const remedy = `write server.${name} (connections from callers) or client.${name} (to endpoints)`;
    throw wrong(`there is no role ${JSON.stringify(text)}`, place, remedy);
  }
  if (limit.roles === 'both' || limit.roles === role) return role;
  throw wrong(`${name} bounds nothing in the role of a ${role}`, place, `write ${limit.roles}.${name}`);
}

function numberOf(name: Name, { least, most, unit }: Limit, text: string, place: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw wrong(
    `${name}=${text} is not a whole number from ${least} to ${most} (${unit})`,
    place,
    `give one; the default is ${ALL[name].byDefault}`,
  );
}

function wrong(message: string, place: string, remedy: string): SidecarError {
  return new SidecarError(place === '--limit' ? 'MW_USAGE' : 'MW_CONFIG', message, { place, remedy });
}
