/** Memory: KiB for each idle connection and each open stream, of cold processes; and resident memory over two million calls. */
import { setTimeout as sleep } from 'node:timers/promises';
import { end, firstLine, rssKib } from '../children.ts';
import type { Figure } from '../figures.ts';
import { figureOf, median, missingFigure } from '../figures.ts';
import { h2load } from '../load.ts';
import { HINT } from '../programs.ts';
import type { Proxy } from '../proxies.ts';
import { PROXIES, RELAY, SIDECAR, startScript } from '../proxies.ts';
import type { Running, Section, Session } from '../session.ts';
import { withProxies } from '../session.ts';

/** Connections that come first and are not counted: they pay for what is made once. */
const FIRST = 200;
const IDLE = 2_000;
const HOLDERS = 50;
const STREAMS_EACH = 100;
const SETTLE_MS = 1_000;
const ROUNDS_MAX = 2;
const FLAT_CALLS = 2_000_000;
const FLAT_CHUNKS = 10;
const FLAT_MS_MAX = 75_000;
const GOALS = { connection: 14, stream: 1.5, resident: 85, drift: 5 };

interface Sizes {
  startMib: number[];
  idleKib: number[];
  usedKib: number[];
  streamKib: number[];
}

export const MEMORY: Section = {
  name: 'memory',
  title: `Memory (resident): ${IDLE} idle connections, ${HOLDERS} × ${STREAMS_EACH} open streams, two million calls`,
  async measure(session) {
    const figures: Figure[] = [];
    // A byte relay knows no streams, and holds two sockets for each connection.
    for (const proxy of PROXIES.filter((one) => one !== RELAY)) {
      const sizes = await sizesOf(session, proxy);
      if (sizes === null) figures.push(missingFigure(proxy.name, 'KiB', `${proxy.name} is ${HINT}`));
      else figures.push(...sizeFigures(proxy, sizes));
    }
    return [...figures, ...(await flatness(session))];
  },
};

function sizeFigures(proxy: Proxy, { startMib, idleKib, usedKib, streamKib }: Sizes): Figure[] {
  const goal = (bound: number): Figure['goal'] =>
    proxy === SIDECAR ? { bound, side: 'at most', of: 'value' } : null;
  const { name } = proxy;
  return [
    figureOf(`${name} at start`, 'MiB', startMib),
    { ...figureOf(`${name} idle connection`, 'KiB', idleKib, ''), goal: goal(GOALS.connection) },
    figureOf(`${name} connection after one call`, 'KiB', usedKib),
    { ...figureOf(`${name} open stream`, 'KiB', streamKib), goal: goal(GOALS.stream) },
  ];
}

/** null: the proxy is not on the machine. */
async function sizesOf(session: Session, proxy: Proxy): Promise<Sizes | null> {
  const sizes: Sizes = { startMib: [], idleKib: [], usedKib: [], streamKib: [] };
  for (let round = 0; round < Math.min(session.rounds, ROUNDS_MAX); round++) {
    for (const calls of [0, 1]) {
      const isThere = await withProxies(session, [proxy], async ([one]) => {
        if (one === undefined) return false;
        if (calls === 0) sizes.startMib.push(rssKib(one.pid) / 1_024);
        (calls === 0 ? sizes.idleKib : sizes.usedKib).push(await connectionKib(one, calls));
        return true;
      });
      if (!isThere) return null;
    }
    await withProxies(session, [proxy], async ([one]) => {
      sizes.streamKib.push(await streamKib(one as Running, median(sizes.usedKib)));
    });
  }
  return sizes;
}

async function connectionKib(one: Running, calls: number): Promise<number> {
  return holding(one, [FIRST, Math.max(1, calls), 0], async () => {
    const beforeKib = await settled(one);
    return holding(one, [IDLE, calls, 0], async () => ((await settled(one)) - beforeKib) / IDLE);
  });
}

/** What a stream holds beyond its share of the connection. */
async function streamKib(one: Running, perConnectionKib: number): Promise<number> {
  return holding(one, [HOLDERS, 1, 0], async () => {
    const beforeKib = await settled(one);
    return holding(one, [HOLDERS, 1, STREAMS_EACH], async () => {
      const growthKib = (await settled(one)) - beforeKib - HOLDERS * perConnectionKib;
      return growthKib / (HOLDERS * STREAMS_EACH);
    });
  });
}

/** While a process of its own holds connections, each after some calls, with streams open. */
async function holding<T>(
  { address }: Running,
  [connections, calls, streams]: readonly [number, number, number],
  body: () => Promise<T>,
): Promise<T> {
  const child = startScript('./holder.ts', [address, ...[connections, calls, streams].map(String)]);
  try {
    await firstLine<{ held: number }>(child);
    return await body();
  } finally {
    await end(child);
  }
}

async function settled({ pid }: Running): Promise<number> {
  await sleep(SETTLE_MS);
  return rssKib(pid);
}

/** Resident memory after each chunk of calls; the first fifth warms up. */
async function flatness(session: Session): Promise<Figure[]> {
  return withProxies(session, [SIDECAR], async ([one]) => {
    const { address, pid } = one as Running;
    const total = session.isQuick ? FLAT_CALLS / 10 : FLAT_CALLS;
    const load = { address, connections: 4, streams: 16, body: session.request, calls: total / FLAT_CHUNKS };
    const samples: number[] = [];
    const beginMs = performance.now();
    while (samples.length < FLAT_CHUNKS && performance.now() - beginMs < FLAT_MS_MAX) {
      await h2load(session.h2load, load);
      samples.push(rssKib(pid) / 1_024);
    }
    const warm = samples.slice(Math.ceil(samples.length / 5));
    const middle = (Math.max(...warm) + Math.min(...warm)) / 2;
    const driftPercent = ((Math.max(...warm) - middle) / middle) * 100;
    const calls = `${(samples.length * load.calls).toLocaleString('en')} calls`;
    return [
      {
        ...figureOf('sidecar resident over the calls', 'MiB', samples, calls),
        value: Math.max(...samples),
        goal: { bound: GOALS.resident, side: 'at most', of: 'value' },
      },
      {
        ...figureOf(
          'sidecar resident, deviation ±',
          '%',
          [driftPercent],
          `${calls}, without the first fifth`,
        ),
        goal: { bound: GOALS.drift, side: 'at most', of: 'value' },
      },
    ];
  });
}
