/**
 * `npm run bench:proxy`: what the sidecar costs beside its peers, in sections, all proxies interleaved in one run. Ours has
 * every policy on: round robin over three endpoints, health checks, deadlines, retries with a budget, metrics.
 */
import { writeFileSync } from 'node:fs';
import type { Figure } from './proxy/figures.ts';
import { passed, printFigures, ratioOf, rowOf } from './proxy/figures.ts';
import { readOptions } from './proxy/options.ts';
import { HINT, findProgram } from './proxy/programs.ts';
import { COST, TLS_COST } from './proxy/sections/cost.ts';
import { LATENCY } from './proxy/sections/latency.ts';
import { MEMORY } from './proxy/sections/memory.ts';
import { PROFILE } from './proxy/sections/profile.ts';
import { READY } from './proxy/sections/ready.ts';
import { STREAMS } from './proxy/sections/streams.ts';
import { UNIQUE } from './proxy/sections/unique.ts';
import type { Section } from './proxy/session.ts';
import { withSession } from './proxy/session.ts';
import { printRows } from './table.ts';

const SECTIONS: readonly Section[] = [COST, UNIQUE, TLS_COST, LATENCY, STREAMS, MEMORY, READY, PROFILE];

/** Exit code 1 when a section does not run, 2 for flags it does not know; goals that are missed do not change it. */
export default async function bench(): Promise<void> {
  const names = SECTIONS.map(({ name }) => name);
  let options: ReturnType<typeof readOptions>;
  try {
    options = readOptions(process.argv.slice(2), names);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 2;
    return;
  }
  const h2load = findProgram('h2load');
  if (h2load === null) {
    process.stderr.write(`nothing can be measured: h2load is ${HINT}\n`);
    process.exitCode = 1;
    return;
  }
  if (options.isQuick)
    process.stderr.write(
      'bench:proxy: quick: one short round of JavaScript that is not warm, nothing to cite\n',
    );
  const chosen = SECTIONS.filter(({ name }) => options.only.length === 0 || options.only.includes(name));
  const measured: { section: Section; figures: Figure[]; seconds: number }[] = [];
  await withSession({ rounds: options.rounds, isQuick: options.isQuick, h2load }, async (session) => {
    for (const section of chosen) {
      const beginMs = performance.now();
      process.stderr.write(`bench:proxy: ${section.name} …\n`);
      try {
        const figures = await section.measure(session);
        const seconds = Math.round((performance.now() - beginMs) / 1_000);
        measured.push({ section, figures, seconds });
        if (!options.isJsonLine) printFigures(`${section.name}: ${section.title}, ${seconds} s`, figures);
      } catch (error) {
        process.stderr.write(`${section.name} did not run: ${(error as Error).message}\n`);
        process.exitCode = 1;
      }
    }
  });
  const figures = measured.flatMap((one) =>
    one.figures.map((figure) => ({ section: one.section.name, ...figure })),
  );
  if (options.isJsonLine) {
    const rows = figures.map((figure) => ({ ...rowOf(figure), name: `${figure.section}: ${figure.name}` }));
    printRows('proxy', rows, true);
    return;
  }
  if (options.jsonFile !== null) writeFileSync(options.jsonFile, jsonOf(figures));
  const judged = figures.filter((figure) => figure.goal !== null);
  const reached = judged.filter((figure) => passed(figure) === true).length;
  process.stdout.write(`\n${reached} of ${judged.length} goals reached\n`);
}

function jsonOf(figures: readonly Figure[]): string {
  const told = figures.map((figure) => ({ ...figure, ratio: ratioOf(figure), pass: passed(figure) }));
  return `${JSON.stringify({ bench: 'proxy', figures: told }, null, 2)}\n`;
}
