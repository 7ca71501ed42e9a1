/** The load worker, seen from the world. */
import { MeshwrightError } from '../../base/errors.ts';
import { Kind } from '../../journal/events.ts';
import type { FromChild } from '../process/channel.ts';
import type { Child } from '../process/child.ts';
import { entryPath } from '../process/entry.ts';
import type { ProcessTable } from '../process/table.ts';
import type { Recorder } from '../recorder.ts';
import type { FullLoad } from './worker.ts';

const ASK_DEADLINE_MS = 10_000;
/** A call that was sent so much later than meant is the load worker's fault, not the mesh's. */
const LAG_MS = 250;

export interface LoadTargets {
  sidecars: readonly string[];
  directs: readonly { instance: number; address: string }[];
}

export interface LoadDriverOptions {
  table: ProcessTable;
  epochNs: bigint;
  seed: number;
  /** As a gRPC client does: a call that a sidecar provably never took is sent once more. For runs that replace sidecars. */
  transparentRetries: boolean;
  recorder: Recorder;
  onMessage: (message: FromChild) => void;
  onFailure: (error: Error) => void;
}

export class LoadDriver {
  readonly #child: Child;
  readonly #options: LoadDriverOptions;
  #loads = 0;
  #settled: Promise<void> = Promise.resolve();
  #setSettled: () => void = () => undefined;

  constructor(options: LoadDriverOptions) {
    this.#options = options;
    const { table, epochNs, seed, transparentRetries } = options;
    this.#child = table.start({
      name: 'load',
      script: entryPath('sim/real/load/worker'),
      args: [JSON.stringify({ epochNs: String(epochNs), seed, transparentRetries })],
      kind: 'ipc',
      onMessage: (message) => this.#receive(message),
    });
  }

  async ready(): Promise<void> {
    await this.#child.ready();
  }

  async setTargets(targets: LoadTargets): Promise<void> {
    await this.#child.request('targets', { ...targets }, ASK_DEADLINE_MS);
  }

  /** Begins a load now; what goes wrong is told to `onFailure`. */
  begin(load: FullLoad): void {
    const index = this.#loads++;
    this.#settled = new Promise((resolve) => {
      this.#setSettled = resolve;
    });
    this.#child
      .request('begin', { load, index }, ASK_DEADLINE_MS)
      .catch((error: Error) => this.#options.onFailure(error));
  }

  /** Resolves when all loads are over and every call has ended. */
  get settled(): Promise<void> {
    return this.#settled;
  }

  /** Gets the last events, and notes a stall when the worker could not keep its schedule. */
  async flush(tNs: number): Promise<void> {
    const state = (await this.#child.request('flush', {}, 2_000)) as { lagMaxMs: number };
    if (state.lagMaxMs > LAG_MS) {
      this.#options.recorder.write(Kind.stall, tNs, -1, -1, -1, -1, Math.round(state.lagMaxMs), -1);
    }
  }

  #receive(message: FromChild): void {
    if (message.type === 'settled') {
      this.#setSettled();
    } else if (message.type === 'failed') {
      const remedy = 'lower the rate, the number of clients or the deadline';
      this.#options.onFailure(new MeshwrightError('MW_SCENARIO', `load: ${message.message}`, { remedy }));
    } else {
      this.#options.onMessage(message);
    }
  }
}
