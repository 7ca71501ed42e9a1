/**
 * Runs rows of the table against a sidecar process over real sockets, an honest upstream and an innocent caller beside. Where a
 * row waits for a time limit, all of them are a fiftieth; else nothing here depends on how fast the machine is.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { LIMITS, LIMIT_NAMES } from '../../proxy/wire/limits-table.ts';
import type { WireLimits } from '../../proxy/wire/limits.ts';
import { type SidecarProcess, expectQuiet, startProcess } from '../e2e/sidecar-kit.ts';
import { Attacker, PATIENCE_MS } from './attacker.ts';
import { HonestUpstream, InnocentCaller } from './honest.ts';
import type { Measured, Row } from './measured.ts';

export interface ProcessOutcome {
  readonly measured: Measured;
  /** What the process grew by at most while it was attacked, in octets. */
  readonly grownBytes: number;
  readonly complaints: string[];
}

const TIME_DIVISOR = 50;
const AFTER_MS_MAX = 6_000;
const SETTLE_MS = 60;
/** How late a limit may notice that its time is over. */
const TIMERS_MS = 1_200;
/** Deadline of calls that a hostile upstream holds where the row is about time; elsewhere they end with its connection. */
const HELD_MS = 1_500;
const SAMPLE_MS = 10;
const CALL_EVERY_MS = 5;
/** V8's young generation and its read buffers come and go in these steps; above it, ten octets for each one sent. */
const GROWTH_BYTES = 48 << 20;
const AMPLIFICATION_MAX = 10;
const CALM = 11;

/** The row needs something that only the arm without sockets has, or ''. */
export function whyNotOverSockets(row: Row): string {
  if (row.pieces.length === 0 && row.opening === undefined && row.afterMs === undefined)
    return 'looks at the engine itself, sends nothing';
  if (row.paceMs !== undefined) return 'its pace is in virtual time';
  if ((row.open ?? 0) > 100) return 'its calls run out of time at one moment, which only virtual time has';
  if (row.limits?.connectionAgeMaxMs !== undefined)
    return 'the innocent caller would have to connect anew as well';
  if (row.waits === true) return 'needs what comes back between its pieces';
  if (Object.values(row.limits ?? {}).some((value) => !Number.isFinite(value)))
    return 'takes a limit away, which no configuration can';
  return '';
}

/** A row against a process of its own. */
export async function runOverSockets(row: Row): Promise<ProcessOutcome> {
  const honest = new HonestUpstream();
  const upstreams = [await honest.listen()];
  const attacker = new Attacker(row);
  if (row.role === 'client') upstreams.unshift(await attacker.listen());
  const sidecar = await startProcess([
    ...['--upstream', upstreams.join(), '--retry-attempts', '1'],
    // Both upstreams are in this process, which may be busy with other rows.
    ...['--connect-timeout-ms', `${PATIENCE_MS}`],
    ...limitFlags(row),
  ]);
  const innocent = new InnocentCaller(sidecar.listen, endsByTime(row) ? HELD_MS : PATIENCE_MS);
  try {
    return await attack(row, sidecar, attacker, innocent, honest);
  } finally {
    attacker.close();
    innocent.close();
    honest.close();
    await sidecar.kill();
  }
}

async function attack(
  row: Row,
  sidecar: SidecarProcess,
  attacker: Attacker,
  innocent: InnocentCaller,
  honest: HonestUpstream,
): Promise<ProcessOutcome> {
  const held = await begin(row, sidecar, attacker, innocent);
  await sleep(SETTLE_MS);
  let [lowBytes, highBytes] = [sidecar.residentBytes, sidecar.residentBytes];
  const sampler = setInterval(() => {
    highBytes = Math.max(highBytes, sidecar.residentBytes);
    lowBytes = Math.min(lowBytes, highBytes);
  }, SAMPLE_MS);
  const told = (): Measured => ({ ...attacker.told(), attemptsMax: honest.openMax });
  let measured: Measured;
  try {
    const ended = Promise.all([...held, callUntil(innocent, attacker.done)]);
    await attacker.run(waitMs(row), () => wrongAnswers(row, told()).length === 0);
    if (row.role === 'server' || endsByTime(row)) await ended;
    measured = told();
    attacker.close();
    await ended;
  } finally {
    clearInterval(sampler);
  }
  measured.innocentCalls = innocent.calls;
  measured.innocentAnswered = innocent.answered;
  measured.innocentEnded = innocent.calls - (endsByTime(row) ? 0 : innocent.outOfTime);
  measured.servedByHonest = honest.served;
  const complaints = [...wrongAnswers(row, measured), ...harm(row, measured)];
  await expectQuiet(sidecar).catch((error) => complaints.push(String(error)));
  const grownBytes = Math.max(0, highBytes - lowBytes);
  if (grownBytes > GROWTH_BYTES + AMPLIFICATION_MAX * measured.octetsIn)
    complaints.push(`grew by ${grownBytes} octets for ${measured.octetsIn}`);
  return { measured, grownBytes, complaints };
}

/** What the row presumes: a connection that is open, and calls at a hostile upstream, which are returned. */
async function begin(
  row: Row,
  sidecar: SidecarProcess,
  attacker: Attacker,
  innocent: InnocentCaller,
): Promise<Promise<void>[]> {
  if (row.role === 'server') {
    await innocent.call();
    await attacker.connect(sidecar.listen);
    return [];
  }
  await attacker.meet();
  const { open = 4 } = row;
  const calls = Array.from({ length: open * 2 }, () => innocent.call());
  // An upstream that opens in a way of its own has no room for calls.
  if (row.opening === undefined) await attacker.holds(open);
  return calls;
}

async function callUntil(innocent: InnocentCaller, done: Promise<void>): Promise<void> {
  let isOver = false;
  void done.then(() => (isOver = true));
  do {
    await innocent.call();
    await sleep(CALL_EVERY_MS);
  } while (!isOver);
}

const SETTINGS_TIMEOUT = 4;

/** Calls that a hostile upstream holds end by themselves: the row is about time. */
function endsByTime({ role, afterMs }: Row): boolean {
  return role === 'client' && afterMs !== undefined;
}

/** How long the row's time lasts here. */
function waitMs(row: Row): number {
  return row.afterMs === undefined ? 0 : row.afterMs / divisorOf(row) + TIMERS_MS;
}

/** By what its time is divided. */
function divisorOf({ afterMs = 0 }: Row): number {
  return Math.max(TIME_DIVISOR, afterMs / AFTER_MS_MAX);
}

function limitFlags(row: Row): string[] {
  const limits: Partial<Record<keyof WireLimits, number>> = { ...row.limits };
  if (row.afterMs !== undefined) {
    for (const [name, value] of Object.entries(limits) as [keyof WireLimits, number][]) {
      if (name.endsWith('Ms')) limits[name] = Math.max(LIMITS[name].least, Math.ceil(value / divisorOf(row)));
    }
    for (const name of LIMIT_NAMES) {
      const { roles, byDefault, least } = LIMITS[name];
      // A busy machine must not end connections for their first frames, unless that is the row.
      if (name.startsWith('settings') && row.goAway !== SETTINGS_TIMEOUT) continue;
      if (!name.endsWith('TimeoutMs') || (roles !== 'both' && roles !== row.role)) continue;
      limits[name] ??= Math.max(least, Math.ceil(byDefault / divisorOf(row)));
    }
  }
  return Object.entries(limits).flatMap(([name, value]) => ['--limit', `${row.role}.${name}=${value}`]);
}

/** What the attacker should have been told and was not, or the other way round. */
function wrongAnswers(row: Row, measured: Measured): string[] {
  const complaints: string[] = [];
  // A check with a second parameter looks into the engine.
  const said = row.check?.length === 1 ? row.check(measured, null as never) : '';
  if (said !== '') complaints.push(said);
  // What is still on its way to us when the sidecar closes makes the system drop its last words.
  const lost = row.goAway === CALM && measured.goAway < 0 && measured.closedAtOctet >= 0;
  if (measured.goAway !== (row.goAway ?? -1) && !lost)
    complaints.push(`GOAWAY ${measured.goAway} (${measured.reason}), not ${row.goAway ?? -1}`);
  const codes = [...measured.resets.values()].filter((code) => row.role === 'server' || code !== 8);
  if (row.resets !== undefined) {
    const [code, atLeast] = row.resets;
    const right = codes.filter((each) => each === code).length;
    if (right < atLeast)
      complaints.push(`${right} resets with ${code}, not ${atLeast} (${codes.slice(0, 5).join()})`);
  } else if (row.goAway === undefined && codes.length > 0)
    complaints.push(`resets ${codes.slice(0, 5).join()}`);
  return complaints;
}

/** What others felt of it. */
function harm(row: Row, measured: Measured): string[] {
  const { attemptsMax, innocentCalls, innocentAnswered, innocentEnded, servedByHonest } = measured;
  const complaints: string[] = [];
  if (attemptsMax > 100 + 20) complaints.push(`${attemptsMax} attempts alive`);
  if (innocentEnded !== innocentCalls) complaints.push('an innocent call hangs');
  const due = row.role === 'server' ? innocentCalls : servedByHonest;
  if (innocentAnswered < due) complaints.push(`innocent ${innocentAnswered} of ${due}`);
  return complaints;
}
