/**
 * One accepted connection and its partner towards the upstream: two directions, each a list of stages between two
 * sockets. Back-pressure: a source is paused while more than HIGH_BYTES wait behind it.
 */
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Direction } from './attributes.ts';
import type { LinkActions, Sink, Stage } from './stage.ts';
import { createStage, PassThrough } from './toxics.ts';
import type { Toxic } from './toxic.ts';

const HIGH_BYTES = 262_144;
const LOW_BYTES = 65_536;

/** Both directions of a connection. */
export class Connection {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #pipes: Record<Direction, Pipe>;
  readonly #onGone: (connection: Connection) => void;
  #gone = false;

  constructor(
    client: Socket,
    server: Socket,
    toxics: readonly Toxic[],
    random: () => number,
    onGone: (connection: Connection) => void,
  ) {
    this.#client = client;
    this.#server = server;
    this.#onGone = onGone;
    const actions = (target: Socket): LinkActions => ({
      close: () => closeAfterWrite(target),
      reset: () => this.reset(),
      now: () => performance.now(),
      random,
    });
    this.#pipes = {
      upstream: new Pipe(client, server, actions(server)),
      downstream: new Pipe(server, client, actions(client)),
    };
    for (const toxic of toxics) this.#pipes[toxic.stream].add(toxic, false);
    for (const socket of [client, server]) socket.on('close', () => this.#closed());
    this.#pipes.upstream.open();
    this.#pipes.downstream.open();
  }

  addToxic(toxic: Toxic): void {
    this.#pipes[toxic.stream].add(toxic, true);
  }

  updateToxic(toxic: Toxic): void {
    this.#pipes[toxic.stream].update(toxic);
  }

  removeToxic(toxic: Toxic): void {
    this.#pipes[toxic.stream].remove(toxic);
  }

  /** RST both ways. */
  reset(): void {
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
  }

  destroy(): void {
    this.#client.destroy();
    this.#server.destroy();
  }

  #closed(): void {
    if (this.#gone || !this.#client.destroyed || !this.#server.destroyed) return;
    this.#gone = true;
    this.#pipes.upstream.dispose();
    this.#pipes.downstream.dispose();
    this.#onGone(this);
  }
}

interface Fitted {
  toxic: Toxic;
  stage: Stage;
}

class Pipe {
  readonly #source: Socket;
  readonly #target: Socket;
  readonly #actions: LinkActions;
  readonly #stages: Fitted[] = [];
  readonly #exit: Sink;
  #ended = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(source: Socket, target: Socket, actions: LinkActions) {
    this.#source = source;
    this.#target = target;
    this.#actions = actions;
    this.#exit = {
      push: (chunk) => {
        if (!target.destroyed && target.writable) target.write(chunk);
      },
      end: () => closeAfterWrite(target),
    };
  }

  open(): void {
    this.#source.on('data', (chunk: Buffer) => {
      this.#entry.push(chunk);
      this.#throttle();
    });
    // A broken source ends like a finished one, as in Toxiproxy: the partner is closed after what is under way.
    this.#source.on('close', () => this.#finish());
    this.#source.on('end', () => this.#finish());
    this.#source.on('error', () => this.#finish());
    this.#target.on('drain', () => this.#throttle());
    this.#source.resume();
  }

  add(toxic: Toxic, live: boolean): void {
    const stage = this.#make(toxic, live);
    const last = this.#stages.at(-1);
    if (last !== undefined) last.stage.next = stage;
    this.#stages.push({ toxic, stage });
  }

  /** Toxicity is rolled anew, as the real server does; what was held goes on its way. */
  update(toxic: Toxic): void {
    const index = this.#indexOf(toxic);
    const fitted = this.#stages[index];
    if (fitted === undefined) return;
    // A timeout that is updated must not close the link, so it is not released.
    if (toxic.type === 'timeout' || toxic.type === 'reset_peer') fitted.stage.dispose();
    else fitted.stage.release();
    const stage = this.#make(toxic, true);
    stage.next = fitted.stage.next;
    fitted.stage = stage;
    const before = this.#stages[index - 1];
    if (before !== undefined) before.stage.next = stage;
  }

  remove(toxic: Toxic): void {
    const index = this.#indexOf(toxic);
    const fitted = this.#stages[index];
    if (fitted === undefined) return;
    fitted.stage.release();
    this.#stages.splice(index, 1);
    const before = this.#stages[index - 1];
    if (before !== undefined) before.stage.next = fitted.stage.next;
    this.#throttle();
  }

  dispose(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const { stage } of this.#stages) stage.dispose();
  }

  get #entry(): Sink {
    return this.#stages[0]?.stage ?? this.#exit;
  }

  #make(toxic: Toxic, live: boolean): Stage {
    if (this.#actions.random() >= toxic.toxicity) return new PassThrough(toxic, this.#exit, this.#actions);
    return createStage(toxic.type, toxic, this.#exit, this.#actions, live);
  }

  #indexOf(toxic: Toxic): number {
    return this.#stages.findIndex((fitted) => fitted.toxic === toxic);
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#entry.end();
  }

  #throttle(): void {
    let waiting = this.#target.writableLength;
    for (const { stage } of this.#stages) waiting += stage.held;
    if (waiting > HIGH_BYTES) this.#source.pause();
    else if (waiting < LOW_BYTES && this.#source.isPaused()) this.#source.resume();
    if (this.#source.isPaused()) this.#checkLater();
  }

  /** Held octets leave by timers of the stages, which know nothing of the source. */
  #checkLater(): void {
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (!this.#source.destroyed) this.#throttle();
    }, 5);
  }
}

/** Toxiproxy has no half-open connections: the end of one direction closes the socket once its octets are written. */
function closeAfterWrite(socket: Socket): void {
  if (socket.destroyed) return;
  socket.end(() => socket.destroy());
  // A peer that never reads must not keep the socket for ever.
  const timer = setTimeout(() => socket.destroy(), 5_000);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
}
