/** What must be back at zero when nothing is under way any more: every gauge of the machine and every window of its connections. */
import type { Sidecar } from '../../proxy/core/sidecar.ts';
import type { Connection } from '../../proxy/wire/connection.ts';

/** Gauges of `/stats` that calls alone move. */
const CALL_GAUGES = [
  'callsAlive',
  'attemptsAlive',
  'retriesAlive',
  'callsWaiting',
  'requestBytesKept',
] as const;

/** What is left though it is quiet, by name; connections are those that are open, both sides of each. */
export function leftovers(sidecar: Sidecar, connections: Iterable<Connection>): string[] {
  const left: string[] = [];
  const expectZero = (name: string, value: number): void => {
    if (value !== 0) left.push(`${name}=${value}`);
  };
  const stats = sidecar.stats();
  for (const name of CALL_GAUGES) expectZero(name, stats[name]);
  const ended = stats.callsByStatus.reduce((sum, count) => sum + count, 0);
  expectZero('callsEnded without a status', stats.callsEnded - ended);
  for (const { id, attemptsAlive } of sidecar.clusters()) expectZero(`attempts of ${id}`, attemptsAlive);
  // A record that was lost would end now.
  sidecar.endCalls();
  expectZero('calls that nobody counted', sidecar.stats().callsEnded - stats.callsEnded);
  for (const connection of connections) {
    const whose = connection.role === 'client' ? 'upstream' : 'downstream';
    expectZero(`streams ${whose}`, connection.streamsOpen);
    expectZero(`octets held ${whose}`, connection.heldBytes);
    expectZero(`window taken ${whose}`, connection.windowTakenBytes);
  }
  return left;
}
