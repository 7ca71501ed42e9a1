/** Where the processor time of a call goes that is left: our JavaScript, Node's, V8's collector, native code, the kernel. */
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cpuUs, end, splitUs } from '../children.ts';
import type { Figure } from '../figures.ts';
import { figureOf, missingFigure } from '../figures.ts';
import { h2load, uniqueLoad, uniqueProgram } from '../load.ts';
import { startSidecar } from '../proxies.ts';
import type { Section, Session } from '../session.ts';

const SHAPES = [
  { name: '1x1', connections: 1, streams: 1, calls: 10_000, isUnique: false },
  { name: '4x16', connections: 4, streams: 16, calls: 200_000, isUnique: false },
  { name: '64x1', connections: 64, streams: 1, calls: 60_000, isUnique: false },
  { name: '4x16 unique headers', connections: 4, streams: 16, calls: 40_000, isUnique: true },
] as const;
const TOP = 6;
const UNIT = 'µs/call';
const SAMPLE_US = 500;

/** What is read of V8's .cpuprofile. */
interface Profile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  timeDeltas: number[];
  /** Microseconds of the monotonic clock, which all processes of a machine share. */
  startTime: number;
}

interface Span {
  fromUs: number;
  toUs: number;
}

export const PROFILE: Section = {
  name: 'profile',
  title:
    'Where a call of the sidecar spends its time (V8 sampling, which costs some itself; kernel from /proc)',
  async measure(session) {
    const figures: Figure[] = [];
    for (const shape of SHAPES) {
      figures.push(...(await profileOf(session, shape)));
    }
    return figures;
  },
};

async function profileOf(session: Session, shape: (typeof SHAPES)[number]): Promise<Figure[]> {
  const folder = join(session.folder, `profile-${shape.name.replaceAll(' ', '-')}`);
  mkdirSync(folder);
  const node = ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-interval=${SAMPLE_US}`];
  const { child, address } = await startSidecar(session.far, { node });
  const pid = child.pid as number;
  const calls = session.isQuick ? shape.calls / 5 : shape.calls;
  const load = (): Promise<unknown> =>
    shape.isUnique
      ? uniqueLoad(uniqueProgram(), { ...shape, address, calls })
      : h2load(session.h2load, { ...shape, address, calls, body: session.request });
  let usage = { allUs: 0, systemUs: 0 };
  const span: Span = { fromUs: 0, toUs: 0 };
  try {
    // Once to warm up: what V8 does to compile is over soon, and not what is left.
    await load();
    span.fromUs = nowUs();
    const before = { allUs: cpuUs(pid), systemUs: splitUs(pid).systemUs };
    await load();
    usage = { allUs: cpuUs(pid) - before.allUs, systemUs: splitUs(pid).systemUs - before.systemUs };
    span.toUs = nowUs();
  } finally {
    await end(child);
  }
  const file = readdirSync(folder).find((name) => name.endsWith('.cpuprofile'));
  if (file === undefined) return [missingFigure(shape.name, UNIT, 'node left no profile')];
  const profile = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Profile;
  const { ours, node: nodes, collector, functions } = selfTimes(profile, span);
  const native = Math.max(0, usage.allUs - usage.systemUs - ours - nodes - collector);
  const row = (what: string, us: number): Figure => ({
    ...figureOf(`${shape.name} ${what}`, UNIT, [us / calls], `${Math.round((us / usage.allUs) * 100)} %`),
  });
  return [
    row('all', usage.allUs),
    row('our JavaScript', ours),
    row("Node's JavaScript", nodes),
    row("V8's collector, main thread", collector),
    row('native: libuv, Node, V8, C library', native),
    row('kernel', usage.systemUs),
    ...functions.slice(0, TOP).map(([name, us]) => row(`· ${name}`, us)),
  ];
}

function nowUs(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

/** Microseconds in the span by where a sample fell; `functions` of ours, dearest first. */
function selfTimes(
  { nodes, samples, timeDeltas, startTime }: Profile,
  span: Span,
): {
  ours: number;
  node: number;
  collector: number;
  functions: [name: string, us: number][];
} {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const functions = new Map<string, number>();
  let [ours, node, collector] = [0, 0, 0];
  let atUs = startTime;
  for (const [index, id] of samples.entries()) {
    atUs += timeDeltas[index] ?? 0;
    if (atUs < span.fromUs || atUs > span.toUs) continue;
    const { functionName, url, lineNumber } = frames.get(id) ?? { functionName: '', url: '', lineNumber: 0 };
    // A sample lasts until the next; the odd negative step of the clock is nothing.
    const us = Math.max(0, timeDeltas[index + 1] ?? 0);
    if (functionName === '(garbage collector)') collector += us;
    else if (url.startsWith('node:')) node += us;
    else if (url.includes('/dist/proxy/')) {
      ours += us;
      const place = `${functionName || 'anonymous'} ${url.split('/dist/proxy/')[1]}:${lineNumber + 1}`;
      functions.set(place, (functions.get(place) ?? 0) + us);
    }
  }
  return { ours, node, collector, functions: [...functions].sort((a, b) => b[1] - a[1]) };
}
