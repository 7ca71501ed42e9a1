/** Processor time per call when each call's headers were never seen before: a UUID in `traceparent` and in `x-request-id`. */
import type { Figure } from '../figures.ts';
import { figureOf, median, missingFigure } from '../figures.ts';
import { uniqueLoad, uniqueProgram } from '../load.ts';
import { HINT } from '../programs.ts';
import { PROXIES, SIDECAR } from '../proxies.ts';
import type { Running, Section } from '../session.ts';
import { costUs, interleave, withProxies } from '../session.ts';
import { expectAllOk } from '../sidecar-stats.ts';

const SHAPE = { connections: 4, streams: 16 };
const CALLS = 20_000;
const CALLS_QUICK = 4_000;
const GOALS: Readonly<Record<string, number>> = { Envoy: 0.4, HAProxy: 0.8, nghttpx: 1.1 };

export const UNIQUE: Section = {
  name: 'unique',
  title: 'CPU per unary call with headers never seen before (4 connections × 16)',
  async measure(session) {
    const program = uniqueProgram();
    const note = program === '' ? `by our own load: ghz is ${HINT}` : '';
    const calls = session.isQuick ? CALLS_QUICK : CALLS;
    return withProxies(session, PROXIES, async (running, missing) => {
      const measure = async (one: Running, count: number): Promise<number> =>
        (await costUs(one, uniqueLoad(program, { ...SHAPE, address: one.address, calls: count }))) / count;
      // The first passes warm up and are not counted: our JavaScript has to be compiled for such headers.
      const warm = session.isQuick ? ['once'] : ['once', 'twice', 'thrice'];
      await interleave(1, running, warm, (one) => measure(one, one.proxy === SIDECAR ? CALLS : CALLS_QUICK));
      const values = await interleave(session.rounds, running, ['unique'], (one) => measure(one, calls));
      const ours = values('unique', SIDECAR.name);
      await expectAllOk(running.find(({ proxy }) => proxy === SIDECAR) as Running);
      const figures = running.map(({ proxy: { name } }) =>
        figureOf(`4x16 ${name}`, 'µs/call', values('unique', name), note),
      );
      const peers = running.map(({ proxy }) => proxy.name).filter((name) => name !== SIDECAR.name);
      const ratios = peers.map((name): Figure => {
        const anchor = { name, value: median(values('unique', name)) };
        return { ...figureOf(`4x16 sidecar / ${name}`, 'µs/call', ours), anchor, goal: goalOf(name) };
      });
      const absent = missing.map((name) =>
        missingFigure(`4x16 sidecar / ${name}`, 'µs/call', `${name} is ${HINT}`, goalOf(name)),
      );
      return [...figures, ...ratios, ...absent];
    });
  },
};

function goalOf(name: string): Figure['goal'] {
  const bound = GOALS[name];
  return bound === undefined ? null : { bound, side: 'at most', of: 'ratio' };
}
