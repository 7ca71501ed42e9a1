/** From the start of a proxy's process to the moment it can serve. */
import { end } from '../children.ts';
import { figureOf, missingFigure } from '../figures.ts';
import { HINT, findProgram } from '../programs.ts';
import { PROXIES, RELAY, SIDECAR } from '../proxies.ts';
import type { Section } from '../session.ts';

const GOAL = { bound: 150, side: 'at most', of: 'value' } as const;
const STARTS = 7;
const STARTS_QUICK = 2;

export const READY: Section = {
  name: 'ready',
  title: 'From exec to ready (wall clock)',
  async measure({ far, folder, isQuick }) {
    // The relay is run from TypeScript, as a floor for bytes only: its start says nothing.
    const proxies = PROXIES.filter((proxy) => proxy !== RELAY);
    const there = proxies.filter(({ program }) => program === null || findProgram(program) !== null);
    const times = new Map<string, number[]>(there.map(({ name }) => [name, []]));
    for (let count = 0; count < (isQuick ? STARTS_QUICK : STARTS); count++) {
      for (const proxy of there) {
        const beginMs = performance.now();
        const { child } = await proxy.start(far, folder);
        times.get(proxy.name)?.push(performance.now() - beginMs);
        await end(child);
      }
    }
    return proxies.map((proxy) => {
      const own = times.get(proxy.name);
      if (own === undefined) return missingFigure(proxy.name, 'ms', `${proxy.name} is ${HINT}`);
      return { ...figureOf(proxy.name, 'ms', own), goal: proxy === SIDECAR ? GOAL : null };
    });
  },
};
