/** Latency: what a proxy adds at 1×1, the slowest thousandth at 64×1 and half of the peak rate, and the collections of garbage in such a load. */
import { join } from 'node:path';
import { end } from '../children.ts';
import type { Figure } from '../figures.ts';
import { figureOf, median, missingFigure, quantile } from '../figures.ts';
import type { Load } from '../load.ts';
import { h2load } from '../load.ts';
import { NGHTTPX } from '../peers.ts';
import { HINT } from '../programs.ts';
import { PROXIES, SIDECAR, startSidecar } from '../proxies.ts';
import type { Running, Section, Session } from '../session.ts';
import { interleave, withProxies } from '../session.ts';

const SINGLE = { connections: 1, streams: 1, calls: 4_000 };
const MANY = { connections: 64, streams: 1 };
const RUN_SECONDS = 3;
const GC_SECONDS = 10;
const GOAL = { bound: 1.2, side: 'at most', of: 'ratio' } as const;

export const LATENCY: Section = {
  name: 'latency',
  title: 'Latency (h2load; direct = without a proxy)',
  measure: (session) =>
    withProxies(session, PROXIES, async (running, missing) => {
      const direct = { ...(running[0] as Running), proxy: { ...SIDECAR, name: 'direct' } };
      direct.address = `127.0.0.1:${session.far.ports[0]}`;
      const all = [...running, direct];
      for (const one of running) await load(session, one, { ...MANY, calls: 20_000 });
      const added = await addedLatency(session, all, missing);
      const rate = Math.floor((await halfOfPeak(session, running)) / MANY.connections) * MANY.connections;
      const tails = await interleave(session.rounds, all, ['p99.9'], async (one) => {
        const seconds = session.isQuick ? 1 : RUN_SECONDS;
        return quantile(await load(session, one, { ...MANY, seconds, rate }), 0.999);
      });
      const figures = all.map(({ proxy: { name } }) =>
        figureOf(`p99.9 64x1 ${name}`, 'µs', tails('p99.9', name), `at ${rate} calls/s`),
      );
      const ours = tails('p99.9', SIDECAR.name);
      const ratio = held('p99.9 64x1 sidecar / nghttpx', 'nghttpx', ours, tails('p99.9', 'nghttpx'));
      return [...added, ...figures, ratio, ...(await collections(session, rate))];
    }),
};

/** Proxied minus direct, round by round. */
async function addedLatency(
  session: Session,
  all: readonly Running[],
  missing: readonly string[],
): Promise<Figure[]> {
  const values = await interleave(session.rounds, all, ['p50'], async (one) =>
    median(await load(session, one, SINGLE)),
  );
  const bare = values('p50', 'direct');
  const addedBy = (name: string): number[] =>
    values('p50', name).map((value, round) => value - (bare[round] as number));
  const names = all.map(({ proxy }) => proxy.name).filter((name) => name !== 'direct');
  return [
    figureOf('p50 1x1 direct', 'µs', bare),
    ...names.map((name) => figureOf(`added p50 1x1 ${name}`, 'µs', addedBy(name))),
    ...missing.map((name) => missingFigure(`added p50 1x1 ${name}`, 'µs', `${name} is ${HINT}`)),
    held('added p50 1x1 sidecar / HAProxy', 'HAProxy', addedBy(SIDECAR.name), addedBy('HAProxy')),
  ];
}

/** Half of what the slower of the sidecar and nghttpx carries at 64×1 when driven as fast as it goes, in calls a second. */
async function halfOfPeak(session: Session, running: readonly Running[]): Promise<number> {
  const peaks: number[] = [];
  for (const one of running) {
    if (one.proxy !== SIDECAR && one.proxy !== NGHTTPX) continue;
    const seconds = session.isQuick ? 1 : 2;
    const done = await h2load(session.h2load, {
      ...MANY,
      address: one.address,
      body: session.request,
      seconds,
    });
    peaks.push(done.rate);
  }
  return Math.min(...peaks) / 2;
}

/** What V8's own trace tells of ten seconds of load, after two to warm up. */
async function collections(session: Session, rate: number): Promise<Figure[]> {
  const lines: string[] = [];
  const onLine = (line: string): void => {
    if (/ ms: (Scavenge|Mark-Compact|Minor Mark-Compact)/.test(line)) lines.push(line);
  };
  const { child, address } = await startSidecar(session.far, { node: ['--trace-gc'], onLine });
  try {
    const base = { ...MANY, address, body: session.request };
    await h2load(session.h2load, { ...base, seconds: session.isQuick ? 1 : 2 });
    const warmed = lines.length;
    const seconds = session.isQuick ? 2 : GC_SECONDS;
    await h2load(session.h2load, { ...base, seconds, rate });
    const counted = lines.slice(warmed);
    const pauses = counted.map((line) => Number(/MB, ([\d.]+) \//.exec(line)?.[1] ?? 0));
    const full = counted.filter((line) => line.includes(' ms: Mark-Compact')).length;
    // V8 says after the figures why it collected.
    const reasons = counted.flatMap((line) => /: Mark-Compact.*\) (\S.*)$/.exec(line)?.[1] ?? []);
    const early = lines.slice(0, warmed).filter((line) => line.includes(' ms: Mark-Compact')).length;
    const note = `in ${seconds} s at ${rate} calls/s; ${early} before, while it warmed up`;
    return [
      {
        ...figureOf('mark-compacts', 'collections', [full], [note, ...new Set(reasons)].join('; ')),
        goal: { bound: 0, side: 'at most', of: 'value' },
      },
      figureOf('scavenges', 'collections', [counted.length - full], `longest ${Math.max(0, ...pauses)} ms`),
      figureOf('time in the collector', 'ms', [pauses.reduce((sum, pause) => sum + pause, 0)], note),
    ];
  } finally {
    await end(child);
  }
}

function held(name: string, peer: string, ours: readonly number[], theirs: readonly number[]): Figure {
  if (theirs.length === 0) return missingFigure(name, 'µs', `${peer} is ${HINT}`, GOAL);
  return { ...figureOf(name, 'µs', ours), anchor: { name: peer, value: median(theirs) }, goal: GOAL };
}

/** Microseconds of every call. */
async function load(session: Session, one: Running, size: Partial<Load> & typeof MANY): Promise<number[]> {
  const log = join(session.folder, 'latencies');
  const { address } = one;
  return (await h2load(session.h2load, { ...size, address, body: session.request, log })).latenciesUs;
}
