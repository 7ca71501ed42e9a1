/** The registry of a real run: a process that can be killed, and comes back on its port. */
import { Kind, REGISTRY_EVENTS } from '../../journal/events.ts';
import { DEFAULT_REGISTRY, type RegistrySpec } from '../../spec/registry.ts';
import type { Child } from '../process/child.ts';
import { entryPath } from '../process/entry.ts';
import type { ProcessTable } from '../process/table.ts';

type Note = (kind: Kind, call: number, instance: number, code: number, detail: number) => void;

export class RegistryDriver {
  readonly ttlMs: number;
  /** HOST:PORT, once it is started. */
  listen = '127.0.0.1:0';
  readonly #settleMs: number;
  readonly #lapseShareMax: number;
  readonly #table: ProcessTable;
  readonly #note: Note;
  #child: Child | null = null;

  constructor(spec: RegistrySpec, table: ProcessTable, note: Note) {
    const { ttlMs, settleMs, lapseShareMax } = { ...DEFAULT_REGISTRY, ...spec };
    this.#lapseShareMax = lapseShareMax;
    this.ttlMs = ttlMs;
    this.#settleMs = settleMs;
    this.#table = table;
    this.#note = note;
  }

  /** For the first time: there is nothing to wait for. */
  start(): Promise<void> {
    return this.#launch(0);
  }

  async act(act: 'crash' | 'start'): Promise<void> {
    const child = this.#child;
    if (act === 'start') {
      if (child !== null) return;
      await this.#launch(this.#settleMs);
      return this.say('serving', -1);
    }
    if (child === null) return;
    this.#child = null;
    this.say('gone', -1);
    await child.kill();
  }

  /** Into the journal. */
  say(event: (typeof REGISTRY_EVENTS)[number], instance: number): void {
    this.#note(Kind.registry, -1, instance, REGISTRY_EVENTS.indexOf(event), -1);
  }

  async #launch(settleMs: number): Promise<void> {
    const script = entryPath('sim/real/registry/worker');
    const args = [JSON.stringify({ listen: this.listen, settleMs, lapseShareMax: this.#lapseShareMax })];
    this.#child = this.#table.start({ name: 'registry', script, args, kind: 'ipc' });
    this.listen = String((await this.#child.ready())['listen']);
  }
}
