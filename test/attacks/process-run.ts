/**
 * Runs rows of the table against a sidecar process over real sockets: an attacker that knows no HTTP/2 library, an honest
 * upstream and an innocent caller by node:http2. Where a row waits for a time limit, all of them are a fiftieth.
 */
import { once } from 'node:events';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { LIMITS, LIMIT_NAMES } from '../../proxy/wire/limits-table.ts';
import type { WireLimits } from '../../proxy/wire/limits.ts';
import { type SidecarProcess, expectQuiet, startProcess } from '../e2e/sidecar-kit.ts';
import { PREFACE, frames, settings } from '../unit/wire/kit.ts';
import { type Measured, type Row, emptyMeasured } from './measured.ts';
import { BIG_PATH, HOLD_PATH } from './rig.ts';

export interface ProcessOutcome {
  readonly measured: Measured;
  /** What the process grew by at most while it was attacked, in octets. */
  readonly grownBytes: number;
  readonly complaints: string[];
}

const PATH = '/my_service.MyService/MyMethod';
const REPLY = Buffer.alloc(100);
const TIME_DIVISOR = 50;
const AFTER_MS_MAX = 6_000;
const SETTLE_MS = 60;
/** How late a limit may notice that its time is over. */
const TIMERS_MS = 1_200;
const END_MS_MAX = 3_000;
/** Deadline of an innocent call; those that a hostile upstream never answers last so long. */
const INNOCENT_MS = { server: 3_000, client: 1_500 } as const;
/** What the system holds of replies that nobody reads takes that many times the row's octets to fill. */
const UNREAD_ROUNDS = 60;
const SAMPLE_MS = 10;
const CALL_EVERY_MS = 5;
/** Writes after which the others get their turn. */
const WRITES_AT_ONCE = 64;
/** V8's young generation and its read buffers come and go in these steps; above it, ten octets for each one sent. */
const GROWTH_BYTES = 48 << 20;
const AMPLIFICATION_MAX = 10;
const CALM = 11;

/** The honest upstream. */
class Honest {
  open = 0;
  openMax = 0;
  served = 0;
  readonly server = http2.createServer({
    settings: { maxConcurrentStreams: 100_000 },
    // Its own bound on what it has to send would refuse calls, the innocent one's as well.
    maxSessionMemory: 1_000,
  });
  readonly #sessions = new Set<http2.Http2Session>();

  constructor() {
    this.server.on('session', (session) => this.#sessions.add(session));
    this.server.on('error', () => {});
    this.server.on('sessionError', () => {});
    this.server.on('stream', (stream, headers) => this.#serve(stream, String(headers[':path'])));
  }

  async listen(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    for (const session of this.#sessions) session.destroy();
    this.server.close();
  }

  #serve(stream: http2.ServerHttp2Stream, path: string): void {
    this.openMax = Math.max(this.openMax, ++this.open);
    stream.on('close', () => void this.open--);
    stream.on('error', () => {});
    if (path === HOLD_PATH) return;
    stream.resume();
    stream.on('end', () => {
      if (stream.destroyed) return;
      if (path === PATH) this.served++;
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(path === BIG_PATH ? Buffer.alloc(1_000_000) : REPLY);
    });
  }
}

/** The innocent caller: calls one after the other, or many at once. */
class Innocent {
  calls = 0;
  answered = 0;
  ended = 0;
  readonly #session: http2.ClientHttp2Session;
  readonly #deadlineMs: number;

  constructor(address: string, deadlineMs: number) {
    this.#deadlineMs = deadlineMs;
    this.#session = http2.connect(`http://${address}`);
    this.#session.on('error', () => {});
  }

  call(): Promise<void> {
    this.calls++;
    return new Promise((resolve) => {
      const stream = this.#session.request({
        ':method': 'POST',
        ':path': PATH,
        'content-type': 'application/grpc',
        te: 'trailers',
        'grpc-timeout': `${this.#deadlineMs}m`,
      });
      let octets = 0;
      let status = '';
      stream.on('response', (headers) => (status = String(headers['grpc-status'] ?? '')));
      stream.on('trailers', (trailers) => (status = String(trailers['grpc-status'])));
      stream.on('data', (chunk: Buffer) => (octets += chunk.length));
      stream.on('error', () => {});
      stream.on('close', () => {
        this.ended++;
        if (status === '0' && octets === REPLY.length) this.answered++;
        resolve();
      });
      stream.end();
    });
  }

  close(): void {
    this.#session.destroy();
  }
}

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
  const honest = new Honest();
  const upstreams = [await honest.listen()];
  const attacker = new Attacker(row);
  if (row.role === 'client') upstreams.unshift(await attacker.listen());
  const sidecar = await startProcess([
    ...['--upstream', upstreams.join(), '--retry-attempts', '1'],
    ...limitFlags(row),
  ]);
  const innocent = new Innocent(sidecar.listen, INNOCENT_MS[row.role]);
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
  innocent: Innocent,
  honest: Honest,
): Promise<ProcessOutcome> {
  if (row.role === 'server') await innocent.call();
  const open = row.role === 'client' ? (row.open ?? 4) * 2 : 0;
  const pending = Array.from({ length: open }, () => innocent.call());
  if (row.role === 'server') await attacker.connect(sidecar.listen);
  else await attacker.met;
  await sleep(SETTLE_MS);
  let [lowBytes, highBytes] = [sidecar.residentBytes, sidecar.residentBytes];
  const sampler = setInterval(() => {
    highBytes = Math.max(highBytes, sidecar.residentBytes);
    lowBytes = Math.min(lowBytes, highBytes);
  }, SAMPLE_MS);
  try {
    const calling = callUntil(innocent, attacker.done);
    await attacker.run();
    await calling;
    await Promise.all(pending);
  } finally {
    clearInterval(sampler);
  }
  const measured = attacker.told(honest, innocent);
  attacker.close();
  const complaints = complaintsOf(row, measured, honest, innocent);
  await expectQuiet(sidecar).catch((error) => complaints.push(String(error)));
  const grownBytes = Math.max(0, highBytes - lowBytes);
  if (grownBytes > GROWTH_BYTES + AMPLIFICATION_MAX * measured.octetsIn)
    complaints.push(`grew by ${grownBytes} octets for ${measured.octetsIn}`);
  return { measured, grownBytes, complaints };
}

async function callUntil(innocent: Innocent, done: Promise<void>): Promise<void> {
  let isOver = false;
  void done.then(() => (isOver = true));
  do {
    await innocent.call();
    await sleep(CALL_EVERY_MS);
  } while (!isOver);
}

/** One hostile connection: what it says, and all that it is told. */
class Attacker {
  readonly done: Promise<void>;
  readonly met: Promise<void>;
  readonly #row: Row;
  readonly #heard: Buffer[] = [];
  readonly #server: net.Server | null;
  #socket: net.Socket | null = null;
  #finish: () => void = () => {};
  #meet: () => void = () => {};
  #sent = 0;
  #closed = false;

  constructor(row: Row) {
    this.#row = row;
    this.done = new Promise((resolve) => (this.#finish = resolve));
    this.met = new Promise((resolve) => (this.#meet = resolve));
    this.#server = row.role === 'client' ? net.createServer((socket) => this.#take(socket)) : null;
  }

  async listen(): Promise<string> {
    const server = this.#server as net.Server;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async connect(address: string): Promise<void> {
    const [host, port] = address.split(':');
    const socket = net.connect({ host, port: Number(port) });
    await once(socket, 'connect');
    this.#hold(socket, this.#row.opening ?? Buffer.concat([PREFACE, settings()]));
  }

  /** Sends the pieces, then waits for what the row expects. */
  async run(): Promise<void> {
    const { afterMs = 0, goAway } = this.#row;
    const all = Buffer.concat(this.#row.pieces);
    const socket = this.#socket as net.Socket;
    const isUnread = this.#row.reads === false && goAway !== undefined;
    const pieces = isUnread ? Array.from({ length: UNREAD_ROUNDS }, () => all) : this.#row.pieces;
    for (const [index, piece] of pieces.entries()) {
      if (index % WRITES_AT_ONCE === 0) await sleep(0);
      if (this.#closed || socket.destroyed) break;
      this.#sent += piece.length;
      if (!socket.write(piece) && (this.#row.reads ?? true)) {
        await Promise.race([once(socket, 'drain'), once(socket, 'close'), sleep(END_MS_MAX)]).catch(() => {});
      }
    }
    if (afterMs > 0) await sleep(afterMs / divisorOf(this.#row) + TIMERS_MS);
    if (this.#row.reads === false) socket.resume();
    const end = Date.now() + END_MS_MAX;
    while (!this.#closed && Date.now() < end && (goAway !== undefined || this.#isBusy())) await sleep(10);
    await sleep(SETTLE_MS);
    this.#finish();
  }

  /** What came back, in the table's terms. */
  told(honest: Honest, innocent: Innocent): Measured {
    const measured = emptyMeasured();
    const heard = Buffer.concat(this.#heard);
    measured.octetsIn = this.#sent;
    measured.octetsOut = heard.length;
    // Which octet made it close is not to be seen from here.
    measured.closedAtOctet = this.#closed ? 1 : -1;
    measured.attemptsMax = honest.openMax;
    measured.innocentCalls = innocent.calls;
    measured.innocentAnswered = innocent.answered;
    measured.innocentEnded = innocent.ended;
    measured.servedByHonest = honest.served;
    if (heard.subarray(0, 5).equals(Buffer.from('HTTP/'))) {
      measured.plainLine = heard.toString('latin1');
      return measured;
    }
    for (const { type, id, flags, payload } of frames(heard)) {
      if (type === 0) measured.dataFrames++;
      if (type === 1 && this.#row.role === 'client') measured.streamsMax++;
      else if (type === 1 && (flags & 1) === 0) measured.answers++;
      if (type === 3) measured.resets.set(id, payload.readUInt32BE(0));
      if (type !== 7) continue;
      const code = payload.readUInt32BE(4);
      if (code === 0 && payload.readUInt32BE(0) === 0x7fffffff) measured.politeGoAway = true;
      else [measured.goAway, measured.reason] = [code, payload.subarray(8).toString('latin1')];
    }
    return measured;
  }

  close(): void {
    this.#socket?.destroy();
    this.#server?.close();
    this.#finish();
  }

  /** An upstream is met once: it takes no second connection. */
  #take(socket: net.Socket): void {
    if (this.#socket !== null) return void socket.destroy();
    this.#hold(socket, this.#row.opening ?? settings([3, 1_000_000]));
    this.#meet();
  }

  #hold(socket: net.Socket, opening: Buffer): void {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => this.#heard.push(chunk));
    socket.on('close', () => (this.#closed = true));
    socket.on('end', () => (this.#closed = true));
    if (this.#row.reads === false) socket.pause();
    socket.write(opening);
  }

  /** Calls that were begun are still to be answered or reset. */
  #isBusy(): boolean {
    const { check, resets } = this.#row;
    if (check === undefined && resets === undefined) return false;
    const [before, heard] = [this.#heard.length, this.#heard.length];
    return before === heard && Date.now() < this.#quietAt();
  }

  #lastCount = 0;
  #lastMs = Date.now();
  /** Half a second after the last octet came. */
  #quietAt(): number {
    if (this.#heard.length !== this.#lastCount) {
      this.#lastCount = this.#heard.length;
      this.#lastMs = Date.now();
    }
    return this.#lastMs + 300;
  }
}

const SETTINGS_TIMEOUT = 4;

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

function complaintsOf(row: Row, measured: Measured, honest: Honest, innocent: Innocent): string[] {
  const complaints: string[] = [];
  const expect = (holds: boolean, what: string): void => {
    if (!holds) complaints.push(what);
  };
  // A check with a second parameter looks into the engine.
  if (row.check !== undefined && row.check.length === 1) {
    const said = row.check(measured, null as never);
    expect(said === '', said);
  }
  // What is still on its way to us when the sidecar closes makes the system drop its last words.
  const lost = row.goAway === CALM && measured.goAway < 0 && measured.closedAtOctet >= 0;
  expect(
    measured.goAway === (row.goAway ?? -1) || lost,
    `GOAWAY ${measured.goAway} (${measured.reason}), not ${row.goAway ?? -1}`,
  );
  const codes = [...measured.resets.values()].filter((code) => row.role === 'server' || code !== 8);
  if (row.resets !== undefined) {
    const [code, atLeast] = row.resets;
    const right = codes.filter((each) => each === code).length;
    expect(right >= atLeast, `${right} resets with ${code}, not ${atLeast} (${codes.slice(0, 5).join()})`);
  } else if (row.goAway === undefined) expect(codes.length === 0, `resets ${codes.slice(0, 5).join()}`);
  expect(honest.openMax <= 100 + 20, `${honest.openMax} attempts alive`);
  expect(innocent.ended === innocent.calls, 'an innocent call hangs');
  const due = row.role === 'server' ? innocent.calls : honest.served;
  expect(innocent.answered >= due, `innocent ${innocent.answered} of ${due}`);
  return complaints;
}
