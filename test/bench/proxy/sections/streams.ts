/** Large messages: octets that a second of the proxy's processor time carries, both ways, in streams of 1 MiB messages. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Figure } from '../figures.ts';
import { figureOf, median, missingFigure } from '../figures.ts';
import { h2load } from '../load.ts';
import { HINT } from '../programs.ts';
import { PROXIES, SIDECAR } from '../proxies.ts';
import type { Running, Section, Session } from '../session.ts';
import { costUs, interleave, withProxies } from '../session.ts';

const MESSAGE_BYTES = 1 << 20;
/** Messages each way in one call. */
const MESSAGES = 4;
const CALLS = 100;
const CALLS_QUICK = 12;
const UNIT = 'MB/CPU s';
const GOAL = { bound: 1, side: 'at least', of: 'ratio' } as const;

export const STREAMS: Section = {
  name: 'streams',
  title: `Streams of 1 MiB messages, ${MESSAGES} each way in a call, 4 connections × 2: octets per CPU second of the proxy`,
  async measure(session) {
    const body = join(session.folder, 'large');
    writeFileSync(body, messages());
    return withProxies(session, PROXIES, async (running, missing) => {
      // The first passes warm up: our JavaScript has to be compiled.
      await interleave(1, running, ['once', 'twice', 'thrice'], (one) => measureOne(session, one, body));
      const values = await interleave(session.rounds, running, ['streams'], (one) =>
        measureOne(session, one, body),
      );
      const names = running.map(({ proxy }) => proxy.name);
      const figures = names.map((name) => figureOf(name, UNIT, values('streams', name)));
      const ours = figureOf('sidecar / Envoy', UNIT, values('streams', SIDECAR.name));
      const envoy = { name: 'Envoy', value: median(values('streams', 'Envoy')) };
      const isThere = names.includes('Envoy');
      const ratio: Figure = isThere
        ? { ...ours, anchor: envoy, goal: GOAL }
        : missingFigure(ours.name, UNIT, `Envoy is ${HINT}`, GOAL);
      const absent = missing.map((name) => missingFigure(name, UNIT, `${name} is ${HINT}`));
      return [...figures, ratio, ...absent];
    });
  },
};

async function measureOne(session: Session, one: Running, body: string): Promise<number> {
  const calls = session.isQuick ? CALLS_QUICK : CALLS;
  const load = { address: one.address, connections: 4, streams: 2, calls, body };
  const us = await costUs(one, h2load(session.h2load, { ...load, path: '/my_service.MyService/Echo' }));
  // Octets a microsecond are megabytes a second.
  return (2 * calls * MESSAGES * (MESSAGE_BYTES + 5)) / us;
}

function messages(): Buffer {
  const one = Buffer.alloc(MESSAGE_BYTES + 5, 'meshwright');
  one[0] = 0;
  one.writeUInt32BE(MESSAGE_BYTES, 1);
  return Buffer.concat(Array.from({ length: MESSAGES }, () => one));
}
