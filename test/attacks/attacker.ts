/** One hostile connection to a process, by plain sockets: what it says, and all that it is told. */
import { once } from 'node:events';
import * as net from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../e2e/sidecar-kit.ts';
import { PREFACE, frames, settings } from '../unit/wire/kit.ts';
import { type Measured, type Row, emptyMeasured } from './measured.ts';

const SETTINGS = 4;
const HEADERS = 1;
/** What the system holds of replies that nobody reads takes that many times the row's octets to fill. */
const UNREAD_ROUNDS = 60;
/** Writes after which the others get their turn. */
const WRITES_AT_ONCE = 64;
/** What a sidecar that reads no more does not take in this time stays with the system. */
const UNTAKEN_MS = 3_000;
/** Whoever says nothing for so long has said all. */
const QUIET_MS = 300;
/** Only who never does what a row waits for makes it wait so long. */
export const PATIENCE_MS = 20_000;

export class Attacker {
  readonly done: Promise<void>;
  readonly #row: Row;
  readonly #opening: Buffer;
  readonly #server: net.Server | null;
  #heard: Buffer[] = [];
  #heardMs = 0;
  #socket: net.Socket | null = null;
  #finish: () => void = () => {};
  #sent = 0;
  #met = false;
  #closed = false;

  constructor(row: Row) {
    const isServer = row.role === 'client';
    this.#row = row;
    this.#opening =
      row.opening ?? (isServer ? settings([3, 1_000_000]) : Buffer.concat([PREFACE, settings()]));
    this.done = new Promise((resolve) => (this.#finish = resolve));
    this.#server = isServer ? net.createServer((socket) => this.#take(socket)) : null;
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
    this.#hold(socket);
  }

  /** Upstream: until the sidecar sends calls here, for it took our SETTINGS; if there are none, until it came. */
  async meet(): Promise<void> {
    await until('the sidecar at the hostile upstream', () => this.#met, PATIENCE_MS);
  }

  /** Upstream: until so many calls have come. */
  async holds(calls: number): Promise<void> {
    await until(`${calls} calls at the hostile upstream`, () => this.#count(HEADERS) >= calls, PATIENCE_MS);
  }

  /** Sends the pieces, lets the row's time pass, then waits for what the row expects. */
  async run(waitMs: number, isAnswered: () => boolean): Promise<void> {
    const { goAway, reads = true } = this.#row;
    const all = Buffer.concat(this.#row.pieces);
    const socket = this.#socket as net.Socket;
    if (!reads) socket.pause();
    const isUnread = !reads && goAway !== undefined;
    const pieces = isUnread ? Array.from({ length: UNREAD_ROUNDS }, () => all) : this.#row.pieces;
    for (const [index, piece] of pieces.entries()) {
      if (index % WRITES_AT_ONCE === 0) await sleep(0);
      if (this.#closed || socket.destroyed) break;
      this.#sent += piece.length;
      if (!socket.write(piece) && reads) {
        const untaken = sleep(UNTAKEN_MS, undefined, { ref: false });
        await Promise.race([once(socket, 'drain'), once(socket, 'close'), untaken]).catch(() => {});
      }
    }
    await sleep(waitMs);
    if (!reads) socket.resume();
    const beganMs = Date.now();
    const isOver = (): boolean =>
      goAway === undefined && Date.now() - Math.max(beganMs, this.#heardMs) >= QUIET_MS && isAnswered();
    while (!this.#closed && Date.now() < beganMs + PATIENCE_MS && !isOver()) await sleep(10);
    this.#finish();
  }

  /** What came back, in the table's terms. */
  told(): Measured {
    const measured = emptyMeasured();
    const heard = Buffer.concat(this.#heard);
    measured.octetsIn = this.#sent;
    measured.octetsOut = heard.length;
    // Which octet made it close is not to be seen from here.
    measured.closedAtOctet = this.#closed ? 1 : -1;
    if (heard.subarray(0, 5).equals(Buffer.from('HTTP/'))) {
      measured.plainLine = heard.toString('latin1');
      return measured;
    }
    for (const { type, id, flags, payload } of frames(heard)) {
      if (type === 0) measured.dataFrames++;
      if (type === HEADERS && this.#server !== null) measured.streamsMax++;
      else if (type === HEADERS && (flags & 1) === 0) measured.answers++;
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

  /** An upstream is met once: it takes no second connection, unless the sidecar gave the first one up before. */
  #take(socket: net.Socket): void {
    if (this.#met || (this.#socket !== null && !this.#closed)) return void socket.destroy();
    [this.#heard, this.#closed] = [[], false];
    this.#hold(socket);
    // What does not greet is never sent a call.
    this.#met = frames(this.#opening)[0]?.type !== SETTINGS;
  }

  #hold(socket: net.Socket): void {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      this.#heard.push(chunk);
      this.#heardMs = Date.now();
      if (!this.#met) this.#met = this.#count(SETTINGS, 1) > 0;
    });
    const close = (): void => {
      if (this.#socket === socket) this.#closed = true;
    };
    socket.on('close', close);
    socket.on('end', close);
    socket.write(this.#opening);
  }

  /** Frames heard of this type with all of these flags. */
  #count(type: number, flags = 0): number {
    return frames(Buffer.concat(this.#heard)).filter(
      (each) => each.type === type && (each.flags & flags) === flags,
    ).length;
  }
}
