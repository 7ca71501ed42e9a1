/** The virtual world: real sidecars, virtual clients, instances and network, one clock. The same seed gives the same journal. */
import { MeshwrightError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { constantSampler, lognormalSampler, type Sampler, uniformSampler } from '../base/sampler.ts';
import type { Control } from '../faults/controls.ts';
import type { Kind } from '../journal/events.ts';
import { groupSettings, usedCount } from '../spec/balancer.ts';
import type { Latency } from '../spec/scenario.ts';
import type { World, WorldOptions } from '../spec/world.ts';
import { Sidecar } from '../../proxy/core/sidecar.ts';
import { Phase, StreamPool } from './attempt-stream.ts';
import { applyControl } from './controls.ts';
import { DemoService } from './demo-service.ts';
import { clustersOfInstance } from '../spec/routing.ts';
import { addressOf, Announcement, Discovery } from './discovery.ts';
import { Instance } from './instance.ts';
import { indexOf, Kernel, Op, opOf } from './kernel.ts';
import { type FullLoad, LoadSource } from './load-source.ts';
import { RegistryPlane } from './registry-plane.ts';
import { sidecarConfig } from './sidecar-config.ts';
import type { SidecarFactory } from './sidecar-host.ts';
import { Sidecars } from './sidecars.ts';
import { XdsPlane } from './xds-plane.ts';

export interface VirtualWorldOptions extends WorldOptions {
  /** Lets the process do other things; called every so many events. Default: time passes without a break. */
  yieldControl?: () => Promise<void>;
  /** Makes the machine. Default: the sidecar's own. */
  createSidecar?: SidecarFactory;
}

/** Between two looks at the abort signal, and between two breaks: some 2 ms and 10 ms of work. */
const BATCH_EVENTS = 4_096;
const YIELD_EVENTS = 24_576;
/** What a call of `runUntil` costs its caller, in events. */
const ENTRY_EVENTS = 32;
/** The mesh is up within this time, or never. */
const START_LIMIT_NS = 60e9;

export function createVirtualWorld(options: VirtualWorldOptions): World {
  return new VirtualWorld(options);
}

class VirtualWorld implements World {
  readonly #options: VirtualWorldOptions;
  readonly #kernel: Kernel;
  readonly #pool = new StreamPool();
  readonly #demo = new DemoService();
  readonly #instances: Instance[];
  readonly #sidecars: Sidecars;
  readonly #loads: LoadSource[] = [];
  readonly #discovery: Discovery;
  #plane: XdsPlane | null = null;
  #registry: RegistryPlane | null = null;
  readonly #counter = { next: 0 };
  #stopped = false;
  /** Events carried out when the next break is due; entries count as some, since a run of hours without events must break too. */
  #breakAt = YIELD_EVENTS;

  constructor(options: VirtualWorldOptions) {
    this.#options = options;
    const { mesh, seed, journal, createSidecar } = options;
    const kernel = new Kernel(journal, new Random(seed));
    this.#kernel = kernel;
    const sampler = samplerOf(mesh.latency);
    const startupNs = Math.round(mesh.startupMs * 1e6);
    this.#instances = mesh.instanceNames.map(
      (name, index) =>
        new Instance(index, name, kernel, this.#pool, this.#demo, sampler, startupNs, mesh.loads?.[index]),
    );
    const surroundings = {
      kernel,
      pool: this.#pool,
      configOf: (index: number) => sidecarConfig(mesh.sidecar, index),
      instanceAt: new Map(this.#instances.map((instance) => [addressOf(instance.index), instance])),
      indexOf: new Map(mesh.instanceNames.map((name, index) => [name, index])),
      loads: this.#loads,
    };
    const make: SidecarFactory = createSidecar ?? ((...parts) => new Sidecar(...parts));
    const { replicas, drainDelayMs = 0 } = mesh.sidecar;
    this.#sidecars = new Sidecars(replicas, surroundings, make, drainDelayMs);
    const { discovery } = mesh.sidecar;
    const { instanceNames, weights = [], groups = [], sidecar, service } = mesh;
    if (discovery?.kind === 'xds') this.#plane = new XdsPlane(kernel, discovery, service, sidecar);
    else if (discovery?.kind === 'registry')
      this.#registry = new RegistryPlane(kernel, discovery, service, this.#instances, instanceNames, weights);
    const source = this.#plane ?? this.#registry;
    const announcer = source ?? new Announcement(this.#sidecars);
    this.#discovery = new Discovery(kernel, instanceNames, weights, announcer, sidecar, groups);
    if (source !== null) for (const host of this.#sidecars) source.attach(host);
    this.#sidecars.discovery = this.#discovery;
    for (const instance of this.#instances)
      instance.onReady = (ready) => {
        this.#discovery.set(ready.index, 'active');
        this.#registry?.ready(ready);
      };
  }

  get nowNs(): number {
    return this.#kernel.nowNs;
  }

  async start(): Promise<void> {
    const { instances, sidecar, groups = [] } = this.#options.mesh;
    const { replicas } = sidecar;
    const { subsetSize } = groupSettings(sidecar.balancer);
    // One that is in several clusters is an endpoint in each.
    const endpoints = Array.from({ length: instances }, (_, index) =>
      clustersOfInstance(sidecar, index).map(() => groups[index]?.priority ?? 0),
    );
    const used = usedCount(endpoints.flat(), subsetSize);
    for (let index = 0; index < instances; index++) this.#instance(index).start();
    const limitNs = this.#kernel.nowNs + this.#options.mesh.startupMs * 1e6 + START_LIMIT_NS;
    // Asked after every event: only the first sidecar that is not up yet is looked at.
    let up = 0;
    const isUp = (): boolean => {
      while (up < replicas && this.#sidecars.at(up).observer.pickable >= used) up++;
      return up === replicas;
    };
    await this.#run(limitNs, isUp);
    if (isUp() || this.#options.signal.aborted) return;
    const late = [...this.#sidecars].find(({ observer }) => observer.pickable < used);
    throw new MeshwrightError(
      'MW_UPSTREAM',
      `the mesh did not come up within ${START_LIMIT_NS / 1e9} s of virtual time`,
      {
        place: `sidecar ${late?.index}: ${late?.observer.pickable} of ${used} instances can be picked`,
        remedy: 'look at the health check and the connect timeout of the scenario',
      },
    );
  }

  startLoad(load: FullLoad): void {
    const { mesh } = this.#options;
    const index = this.#loads.length;
    const source = new LoadSource(
      index,
      load,
      mesh.service,
      this.#kernel,
      this.#sidecars,
      this.#demo,
      this.#counter,
    );
    this.#loads.push(source);
    source.begin();
  }

  async runUntil(untilNs: number): Promise<void> {
    await this.#run(untilNs, never);
    if (!this.#stopped && !this.#options.signal.aborted && untilNs > this.#kernel.nowNs)
      this.#kernel.nowNs = untilNs;
  }

  async apply(control: Control): Promise<void> {
    if (this.#stopped) return;
    if (control.op === 'sidecar') this.#sidecars.apply(control.sidecar, control.act);
    else if (control.op === 'xds') this.#plane?.set(control.sidecar, control.fault, control.effect);
    else if (control.op === 'routes') this.#plane?.reroute(control.routes);
    else if (control.op === 'registry') this.#registry?.act(control.act);
    else if (control.op === 'mute') this.#registry?.mute(control.instance, control.fault, control.muted);
    else applyControl(control, this.#instance(control.instance), this.#discovery);
  }

  note(kind: Kind, call: number, instance: number, code: number, detail: number): void {
    if (!this.#stopped)
      this.#options.journal.write(kind, this.#kernel.nowNs, call, -1, instance, code, detail, -1);
  }

  async settle(graceNs: number): Promise<void> {
    await this.#run(this.#kernel.nowNs + graceNs, () => this.#loads.every(({ open }) => open === 0));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
  }

  /** Carries out events up to `untilNs`, or until `isEnough` between two batches of them. */
  async #run(untilNs: number, isEnough: () => boolean): Promise<void> {
    const { signal, yieldControl } = this.#options;
    const batchEvents = isEnough === never ? BATCH_EVENTS : 1;
    this.#breakAt -= ENTRY_EVENTS;
    while (!this.#stopped && !signal.aborted && !isEnough()) {
      if (yieldControl !== undefined && this.#kernel.eventsDone >= this.#breakAt) {
        this.#breakAt = this.#kernel.eventsDone + YIELD_EVENTS;
        await yieldControl();
      } else if (!this.#runBatch(untilNs, batchEvents)) return;
    }
  }

  /** False when nothing more is due. */
  #runBatch(untilNs: number, eventsMax: number): boolean {
    const kernel = this.#kernel;
    const { queue } = kernel;
    for (let events = 0; events < eventsMax; events++) {
      if (queue.nextNs > untilNs) return false;
      const payload = kernel.next();
      const index = indexOf(payload);
      const op = opOf(payload);
      switch (op) {
        case Op.request:
        case Op.served:
        case Op.reply:
          this.#moveOn(index, op);
          break;
        case Op.arrival:
          (this.#loads[index] as LoadSource).handleArrival();
          break;
        case Op.wake:
          this.#sidecars.at(index).handleWake();
          break;
        case Op.deadline:
          (this.#loads[index] as LoadSource).handleDeadline();
          break;
        default:
          kernel.runTask(index);
      }
    }
    return true;
  }

  #moveOn(index: number, op: number): void {
    const stream = this.#pool.at(index);
    stream.holds--;
    const { link } = stream;
    // An event that was overtaken (sent anew when a bandwidth limit went) finds another due time.
    if (stream.dueNs !== this.#kernel.nowNs || link === null || stream.phase !== PHASE_OF[op]) {
      this.#pool.giveIfDone(stream);
      return;
    }
    if (op === Op.request) link.instance.handleRequest(stream);
    else if (op === Op.served) link.instance.handleServed(stream);
    else link.instance.handleReply(stream);
  }

  #instance(index: number): Instance {
    const instance = this.#instances[index];
    if (instance === undefined) throw new RangeError(`no instance ${index}`);
    return instance;
  }
}

/** The phase that an event of an operation finds its stream in. */
const PHASE_OF: readonly number[] = [-1, Phase.toInstance, Phase.serving, Phase.toSidecar];

const never = (): boolean => false;

function samplerOf(latency: Latency): Sampler {
  if (latency.kind === 'constant') return constantSampler(latency.ms * 1e6);
  if (latency.kind === 'uniform') return uniformSampler(latency.minMs * 1e6, latency.maxMs * 1e6);
  return lognormalSampler(latency.medianMs * 1e6, latency.p99Ms * 1e6);
}
