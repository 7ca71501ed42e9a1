/**
 * One sidecar of a run: the process that has its port now, and what is done to it. A hot restart puts another process behind
 * the same port; the one before ends by itself when its calls are over.
 */
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { MeshwrightError } from '../../base/errors.ts';
import type { SidecarAct } from '../../faults/controls.ts';
import { Kind, SIDECAR_STATES } from '../../journal/events.ts';
import { type Child, sleep, START_DEADLINE_MS, withDeadline } from '../process/child.ts';
import { entryPath } from '../process/entry.ts';
import type { ProcessTable } from '../process/table.ts';
import type { Recorder } from '../recorder.ts';
import { CpuSamples } from './cpu.ts';
import { readTrace } from './trace.ts';

const ANSWER_MS_MAX = 10_000;
const LOOK_MS = 20;
/** A process has three descriptors of its own, and the channel to a predecessor where it takes over. */
const TRACE_FD = 4;

export interface MemberOptions {
  index: number;
  /** Paths of the configuration, of the endpoints, and of the folder for control sockets, null where none is replaced. */
  config: string;
  /** Null where the configuration says where endpoints come from. */
  endpointsFile: string | null;
  /** It follows a control plane, which knows it by its name. */
  hasNode: boolean;
  controlFolder: string | null;
  epochNs: bigint;
  table: ProcessTable;
  recorder: Recorder;
  now: () => number;
  indexOf: (id: string) => number;
  onChange: (instance: number, change: string) => void;
}

type State = (typeof SIDECAR_STATES)[number];

export class SidecarMember {
  listen = '';
  admin = '';
  /** New callers are sent there. */
  inService = true;
  readonly cpu = new CpuSamples();
  readonly #options: MemberOptions;
  #child: Child | null = null;
  #machine = 0;

  constructor(options: MemberOptions) {
    this.#options = options;
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    this.#child = await this.#launch(this.#control('--control'), '127.0.0.1:0', '127.0.0.1:0');
  }

  /** Resolves when it took effect; a sidecar that is away is left alone, and the journal shows no effect. */
  async act(act: SidecarAct, onLeftService: () => Promise<void>): Promise<void> {
    const child = this.#child;
    if (act === 'start') return child === null ? this.#comeBack() : undefined;
    if (child === null) return undefined;
    if (act === 'crash') return this.#crash(child);
    if (act === 'reload') return this.#reload(child);
    if (act === 'hotRestart') return this.#hotRestart(child);
    return this.#drain(child, onLeftService);
  }

  async #crash(child: Child): Promise<void> {
    this.#child = null;
    this.#note('crashed', this.#machine);
    await child.kill();
  }

  async #comeBack(): Promise<void> {
    const machine = ++this.#machine;
    this.#note('starting', machine);
    this.#child = await this.#launch(this.#control('--control'), this.listen, this.admin);
    this.#note('serving', machine);
  }

  async #reload(child: Child): Promise<void> {
    const { reloads } = await this.#stats();
    const machine = ++this.#machine;
    this.#note('starting', machine);
    child.signal('SIGHUP');
    await this.#until('reload', async () => (await this.#stats()).reloads > reloads);
    this.#note('serving', machine);
    this.#note('draining', machine - 1);
    await this.#until('end its old machine', async () => (await this.#stats()).generationsLeaving === 0);
    this.#note('gone', machine - 1);
  }

  async #hotRestart(before: Child): Promise<void> {
    const machine = ++this.#machine;
    this.#note('starting', machine);
    before.expectExit();
    this.#child = await this.#launch(this.#control('--takeover'), this.listen, this.admin);
    this.#note('serving', machine);
    this.#note('draining', machine - 1);
    void before.exited.then(() => this.#note('gone', machine - 1));
  }

  async #drain(child: Child, onLeftService: () => Promise<void>): Promise<void> {
    const machine = this.#machine;
    await this.#ask('/drain', 'POST');
    await this.#until('say that it is not ready', async () => (await this.#ask('/ready')).status === 503);
    this.inService = false;
    this.#note('draining', machine);
    await onLeftService();
    this.#child = null;
    child.expectExit();
    // It drains already: the signal only makes it end afterwards.
    child.signal('SIGTERM');
    void child.exited.then(() => this.#note('gone', machine));
  }

  async #launch(control: string[], listen: string, admin: string): Promise<Child> {
    const { index, config, endpointsFile, hasNode, epochNs, table, recorder, indexOf, onChange } =
      this.#options;
    const args = ['--listen', listen, '--admin', admin, '--config', config];
    if (hasNode) args.push('--xds-node', `sidecar/${index}`);
    if (endpointsFile !== null) args.push('--endpoints', endpointsFile);
    args.push(
      '--watch-stdin',
      '--trace-fd',
      String(TRACE_FD),
      '--trace-epoch-ns',
      String(epochNs),
      ...control,
    );
    const child = table.start({
      name: `sidecar ${index}`,
      script: entryPath('proxy/host/main'),
      args,
      kind: 'pipes',
      onLine: (line) => markReady(child, line),
    });
    const onCpu = this.cpu.process();
    const trace = child.process.stdio[TRACE_FD] as Readable;
    readTrace(trace, { sidecar: index, recorder, indexOf, onCpu, onChange });
    const ready = await child.ready(START_DEADLINE_MS);
    this.listen = String(ready['listen']);
    this.admin = String(ready['admin']);
    return child;
  }

  #control(flag: string): string[] {
    const { controlFolder, index } = this.#options;
    return controlFolder === null ? [] : [flag, join(controlFolder, `sidecar-${index}`)];
  }

  async #stats(): Promise<{ reloads: number; generationsLeaving: number }> {
    const answer = await this.#ask('/stats');
    return (await answer.json()) as { reloads: number; generationsLeaving: number };
  }

  async #ask(path: string, method = 'GET'): Promise<Response> {
    try {
      return await fetch(`http://${this.admin}${path}`, {
        method,
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
      });
    } catch (error) {
      const said = `sidecar ${this.#options.index} does not answer ${method} ${path}: ${String(error)}`;
      throw new MeshwrightError('MW_PROCESS', said, { remedy: 'see its log in the folder of the run' });
    }
  }

  async #until(what: string, isDone: () => Promise<boolean>): Promise<void> {
    const look = async (): Promise<void> => {
      while (!(await isDone())) await sleep(LOOK_MS);
    };
    await withDeadline(look(), START_DEADLINE_MS, () => {
      const said = `sidecar ${this.#options.index} did not ${what} within ${START_DEADLINE_MS / 1_000} s`;
      return new MeshwrightError('MW_PROCESS', said, { remedy: 'see its log in the folder of the run' });
    });
  }

  #note(state: State, machine: number): void {
    const { recorder, now, index } = this.#options;
    recorder.write(Kind.sidecarState, now(), -1, -1, -1, SIDECAR_STATES.indexOf(state), machine, index);
  }
}

/** The sidecar tells on stdout, in one line of JSON, when it can serve. */
function markReady(child: Child, line: string): void {
  if (!line.startsWith('{')) return;
  try {
    const message = JSON.parse(line) as Record<string, unknown>;
    if (message['event'] === 'ready') child.markReady(message);
  } catch {
    // A log line that only looks like JSON.
  }
}
