/** Processor time per unary call of the proxy process, in four shapes: without TLS beside all peers, and with TLS on both sides. */
import { rssKib } from '../children.ts';
import type { Figure } from '../figures.ts';
import { figureOf, geometricMean, median, missingFigure } from '../figures.ts';
import { h2load } from '../load.ts';
import { HINT } from '../programs.ts';
import type { Proxy } from '../proxies.ts';
import { ARMED_SIDECAR, PROXIES, RELAY, SIDECAR } from '../proxies.ts';
import type { Running, Section, Session } from '../session.ts';
import { costUs, interleave, makeCertificate, withProxies, withUpstream } from '../session.ts';
import { expectAllOk } from '../sidecar-stats.ts';

interface Shape {
  connections: number;
  streams: number;
  calls: number;
}

/** Connections × streams. Calls enough that a hundredth of a second does not show. */
const SHAPES = {
  '1x1': { connections: 1, streams: 1, calls: 4_000 },
  '4x16': { connections: 4, streams: 16, calls: 40_000 },
  '64x1': { connections: 64, streams: 1, calls: 20_000 },
  '4x100': { connections: 4, streams: 100, calls: 40_000 },
} as const satisfies Record<string, Shape>;
const NAMES = Object.keys(SHAPES) as (keyof typeof SHAPES)[];
/** A proxy that costs several times as much needs fewer calls for the same precision. */
const COSTLY = { names: ['Envoy', 'nginx'], share: 0.25 };
const QUICK_SHARE = 0.2;

/** Goals for the geometric mean of the shapes, as ratios to the peer's. */
const GOALS: Readonly<Record<string, number>> = { Envoy: 0.35, HAProxy: 0.7, nghttpx: 0.95, relay: 2 };

const RESIDENT = { bound: 85, side: 'at most', of: 'value' } as const;

export const COST: Section = {
  name: 'cost',
  title: 'CPU of the proxy process per unary call (h2load; connections × streams)',
  measure: (session) => measureCosts(session, [ARMED_SIDECAR, ...PROXIES], GOALS),
};

export const TLS_COST: Section = {
  name: 'tls',
  title: 'CPU per unary call with TLS on both sides (h2load, HTTP/2 by ALPN)',
  async measure(session) {
    const tls = makeCertificate(session.folder);
    if (tls === null) return [missingFigure('sidecar, TLS', 'µs/call', 'no certificate: openssl is missing')];
    // The relay would only pass on what it cannot read, to an endpoint that did the work.
    const proxies = PROXIES.filter((proxy) => proxy !== RELAY);
    return withUpstream(tls, (far) => measureCosts({ ...session, far }, proxies, {}));
  },
};

async function measureCosts(
  session: Session,
  proxies: readonly Proxy[],
  goals: Readonly<Record<string, number>>,
): Promise<Figure[]> {
  return withProxies(session, proxies, async (running, missing) => {
    // The first pass warms up and is not counted.
    await interleave(1, running, ['4x16', '64x1'], (one, name) => measureOne(session, one, SHAPES[name]));
    const values = await interleave(session.rounds, running, NAMES, (one, name) =>
      measureOne(session, one, SHAPES[name]),
    );
    const ours = running.find(({ proxy }) => proxy === SIDECAR);
    if (ours !== undefined) await expectAllOk(ours);
    const names = running.map(({ proxy }) => proxy.name);
    const figures = NAMES.flatMap((shape) =>
      names.map((name) =>
        besides(`${shape} ${name}`, name, values(shape, name), values(shape, SIDECAR.name)),
      ),
    );
    const meanOf = (name: string): number => geometricMean(NAMES.map((shape) => median(values(shape, name))));
    const memory = running.map((one) => ({
      ...figureOf(`resident after the load ${one.proxy.name}`, 'MiB', [rssKib(one.pid) / 1_024]),
      goal: one === ours && session.far.tls === null ? RESIDENT : null,
    }));
    return [...figures, ...meanFigures(names, missing, meanOf, goals), ...memory];
  });
}

/** A peer's figure; the note tells how ours is to it. */
function besides(name: string, proxy: string, own: readonly number[], ours: readonly number[]): Figure {
  const isPeer = proxy !== SIDECAR.name && ours.length > 0;
  const note = isPeer ? `sidecar / ${proxy} ${(median(ours) / median(own)).toFixed(2)}` : '';
  return figureOf(name, 'µs/call', own, note);
}

function meanFigures(
  names: readonly string[],
  missing: readonly string[],
  meanOf: (name: string) => number,
  goals: Readonly<Record<string, number>>,
): Figure[] {
  const figures: Figure[] = [];
  const note = 'geometric mean of the shapes';
  if (!names.includes(SIDECAR.name))
    return names.map((name) => figureOf(`geo mean ${name}`, 'µs/call', [meanOf(name)], note));
  for (const name of names) {
    if (name === SIDECAR.name) continue;
    figures.push({
      ...figureOf(`geo mean sidecar / ${name}`, 'µs/call', [meanOf(SIDECAR.name)], note),
      anchor: { name, value: meanOf(name) },
      goal: goalOf(goals, name),
    });
  }
  for (const name of missing)
    figures.push(
      missingFigure(`geo mean sidecar / ${name}`, 'µs/call', `${name} is ${HINT}`, goalOf(goals, name)),
    );
  return figures;
}

function goalOf(goals: Readonly<Record<string, number>>, name: string): Figure['goal'] {
  const bound = goals[name];
  return bound === undefined ? null : { bound, side: 'at most', of: 'ratio' };
}

/** Microseconds of processor time per call. */
async function measureOne(session: Session, one: Running, shape: Shape): Promise<number> {
  const { connections, streams } = shape;
  const share =
    (COSTLY.names.includes(one.proxy.name) ? COSTLY.share : 1) * (session.isQuick ? QUICK_SHARE : 1);
  const calls = shape.calls < 10_000 ? shape.calls * Math.max(share, 0.5) : shape.calls * share;
  const load = { address: one.address, connections, streams, calls, body: session.request };
  return (await costUs(one, h2load(session.h2load, { ...load, isTls: session.far.tls !== null }))) / calls;
}
