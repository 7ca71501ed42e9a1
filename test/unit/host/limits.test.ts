/** Limits as configuration: every row of the table can be set by flag and by file, reaches the engine, and is documented. */
import { EventEmitter } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { Carrier } from '../../../proxy/host/carrier.ts';
import { readConfigFile } from '../../../proxy/host/config-file.ts';
import { HOST_LIMITS } from '../../../proxy/host/limits-table.ts';
import type { Loop } from '../../../proxy/host/loop.ts';
import { resolveOptions } from '../../../proxy/host/options.ts';
import { parseFlags } from '../../../proxy/host/parse-flags.ts';
import { LIMITS, LIMIT_NAMES, type Limit, type LimitName } from '../../../proxy/wire/limits-table.ts';
import { CLIENT_WIRE_LIMITS, DEFAULT_WIRE_LIMITS } from '../../../proxy/wire/limits.ts';
import { limitsPage } from '../../../scripts/write-limits.ts';
import { QUIET } from '../wire/kit.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshwright-limits-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const BASE = ['--listen', '127.0.0.1:0', '--upstream', 'a:1'];
const ROLES = ['server', 'client'] as const;
type Role = (typeof ROLES)[number];
const DEFAULTS = { server: DEFAULT_WIRE_LIMITS, client: CLIENT_WIRE_LIMITS };
/** Every limit in every role that it concerns, with a value that is nobody's default. */
const ALL = ROLES.flatMap((role) =>
  LIMIT_NAMES.filter((name) => ['both', role].includes(LIMITS[name].roles)).map(
    (name): [Role, LimitName, number] => [role, name, LIMITS[name].least + 1],
  ),
);

function options(argv: readonly string[], text = '') {
  const file = join(folder, 'sidecar.yaml');
  writeFileSync(file, text);
  return resolveOptions(parseFlags([...BASE, ...argv]) ?? {}, readConfigFile(file));
}

/** What the engine of a connection goes by. */
function engine(role: Role, { limits }: ReturnType<typeof options>) {
  const carrier = new Carrier(role, QUIET, new EventEmitter() as Socket, {} as Loop, limits[role]);
  return carrier.limits;
}

describe('the table', () => {
  const rows: [string, Limit][] = Object.entries({ ...LIMITS, ...HOST_LIMITS });
  it.each(rows)('%s is complete and its defaults are within its range', (_name, limit) => {
    for (const value of [limit.byDefault, limit.clientDefault ?? limit.byDefault]) {
      expect(value >= limit.least && value <= limit.most).toBe(true);
    }
    expect(limit.bounds.length * limit.source.length).toBeGreaterThan(0);
    const numbers = limit.attack.match(/\d+ [A-Za-z]/g) ?? [];
    expect(numbers.length).toBeGreaterThan(0);
    for (const number of numbers) expect(Number.parseInt(number, 10)).toBeLessThanOrEqual(40);
  });

  it('is what docs/limits.md says (npm run limits)', () => {
    expect(readFileSync(new URL('../../../docs/limits.md', import.meta.url), 'utf8')).toBe(limitsPage());
  });
});

describe('every limit reaches the engine, alone', () => {
  expect(ALL.length).toBeGreaterThan(50);
  it.each(ALL)('%s %s', (role, name, value) => {
    const other = role === 'server' ? 'client' : 'server';
    const byFlag = options([`--limit=${role}.${name}=${value}`]);
    const byFile = options([], `limits: { ${role}: { ${name}: ${value} } }`);
    for (const set of [byFlag, byFile]) {
      expect(engine(role, set)).toEqual({ ...DEFAULTS[role], [name]: value });
      expect(engine(other, set)).toEqual(DEFAULTS[other]);
    }
  });

  it('in both roles where no role is named', () => {
    const set = options(['--limit', 'resetBurst=7', '--limit', 'pingStrikesMax=9']);
    expect([engine('server', set).resetBurst, engine('client', set).resetBurst]).toEqual([7, 7]);
    expect(set.limits).toEqual({ server: { resetBurst: 7, pingStrikesMax: 9 }, client: { resetBurst: 7 } });
  });

  it('flags before the file, a role before both', () => {
    const text = 'limits: { resetBurst: 1, glitchBurst: 5, client: { resetBurst: 2, glitchBurst: 6 } }';
    expect(options(['--limit', 'client.resetBurst=3', '--limit', 'resetBurst=4'], text).limits).toEqual({
      server: { resetBurst: 4, glitchBurst: 5 },
      client: { resetBurst: 3, glitchBurst: 6 },
    });
    expect(options(['--limit', 'resetBurst=4'], text).limits.client.resetBurst).toBe(4);
  });
});

describe('limits of the sockets', () => {
  it('come with those of the engine', () => {
    const set = options(
      ['--limit', 'lingerMs=7', '--limit', 'connectionsMax=3'],
      'limits: { unwrittenBytesMax: 20000 }',
    );
    expect(set.limits).toEqual({
      server: { lingerMs: 7, connectionsMax: 3, unwrittenBytesMax: 20_000 },
      client: { lingerMs: 7, unwrittenBytesMax: 20_000 },
    });
  });

  it.each([
    [undefined, 1_000],
    [50, 50],
  ])('lingerMs %s: a peer that does not close is cut off after %i ms', (lingerMs, afterMs) => {
    vi.useFakeTimers();
    const end = vi.fn();
    const destroy = vi.fn();
    const socket = Object.assign(new EventEmitter(), {
      end,
      destroy,
      writableLength: 0,
    }) as unknown as Socket;
    new Carrier('server', QUIET, socket, {} as Loop, lingerMs === undefined ? {} : { lingerMs }).finish();
    vi.advanceTimersByTime(afterMs - 1);
    expect([end.mock.calls.length, destroy.mock.calls.length]).toEqual([1, 0]);
    vi.advanceTimersByTime(1);
    expect(destroy).toHaveBeenCalledOnce();
    vi.useRealTimers();
  });

  it.each([
    [undefined, 300_000, true],
    [undefined, 200_000, false],
    [100_000, 200_000, true],
  ])(
    'unwrittenBytesMax %s, %i octets unwritten: reading stops: %s',
    (unwrittenBytesMax, unwritten, stops) => {
      const pause = vi.fn();
      const socket = Object.assign(new EventEmitter(), { pause, write: () => {}, writableLength: unwritten });
      const limits = unwrittenBytesMax === undefined ? {} : { unwrittenBytesMax };
      new Carrier('client', QUIET, socket as unknown as Socket, {} as Loop, limits).flush(true);
      expect(pause).toHaveBeenCalledTimes(stops ? 1 : 0);
    },
  );
});

describe('what is refused', () => {
  it.each([
    ['resetBurts=1', 'there is no limit "resetBurts"', 'the nearest is resetBurst;'],
    ['client.concurentstreams=1', 'no limit "concurentstreams"', 'concurrentStreamsMax'],
    ['__proto__=1', 'there is no limit', 'nearest'],
    ['upstream.resetBurst=1', 'there is no role "upstream"', 'client.resetBurst'],
    ['client.prefaceTimeoutMs=50', 'bounds nothing in the role of a client', 'server.prefaceTimeoutMs'],
    ['resetBurst', 'is not NAME=VALUE', 'resetBurst=500'],
    ['resetBurst=0', 'a whole number from 1 to 1000000000 (resets)', 'the default is 1000'],
    ['resetBurst=1.5', 'resetBurst=1.5 is not a whole number', 'the default'],
    ['resetBurst=Infinity', 'not a whole number', 'the default'],
    ['resetBurst=', 'not a whole number', 'the default'],
  ])('%s', (item, message, remedy) => {
    const resolve = (): unknown => options(['--limit', item]);
    expect(resolve).toThrow(message);
    const right = { code: 'MW_USAGE', place: '--limit', remedy: expect.stringContaining(remedy) };
    expect(resolve).toThrow(expect.objectContaining(right));
  });

  it.each([
    [
      'limits: { server: { resetBurst: 0 } }',
      'wrong at limits.server.resetBurst: 0 is not a whole number from 1',
    ],
    ['limits: { resetBurst: 1.5 }', 'wrong at limits.resetBurst: 1.5 is not'],
    ['limits: { resetBurts: 1 }', 'unknown key "resetBurts" at limits'],
    ['limits: { client: { prefaceTimeoutMs: 50 } }', 'bounds nothing in the role of a client'],
  ])('%s', (text, message) => {
    const resolve = (): unknown => options([], text);
    expect(resolve).toThrow(message);
    expect(resolve).toThrow(expect.objectContaining({ code: 'MW_CONFIG' }));
  });

  it.each(['limits: 1', 'limits: { resetBurst: many }', 'limits: { server: { resetBurst: [1] } }'])(
    '%s',
    (text) => {
      expect(() => options([], text)).toThrow(expect.objectContaining({ code: 'MW_CONFIG' }));
    },
  );
});
