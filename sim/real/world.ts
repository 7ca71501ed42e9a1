/**
 * The real world: a mesh of processes on this machine's loopback. The sidecar, the instances, the load and Toxiproxy are
 * children of ours; this file starts them, carries out controls on them, collects their events and ends them all.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MeshwrightError } from '../base/errors.ts';
import type { Control } from '../faults/controls.ts';
import { INSTANCE_STATES, Kind, MEMBER_STATES } from '../journal/events.ts';
import type { World, WorldOptions } from '../spec/world.ts';
import { RealControlPlane } from './control-plane.ts';
import { InstanceFleet } from './instance/fleet.ts';
import { LoadDriver } from './load/driver.ts';
import type { FullLoad } from './load/worker.ts';
import { Members } from './members.ts';
import { startNetwork } from './network.ts';
import { runClock } from './process/clock.ts';
import type { FromChild } from './process/channel.ts';
import { checkDescriptors } from './process/limits.ts';
import { watchStalls } from './process/stall.ts';
import { RegistryDriver } from './registry/driver.ts';
import { ProcessTable } from './process/table.ts';
import { Recorder } from './recorder.ts';
import { SidecarFleet } from './sidecar/fleet.ts';
import type { ToxiproxyDriver } from './toxiproxy/driver.ts';

const STOP_DEADLINE_MS = 3_000;

/** Makes the world; nothing runs before `start`. Processes carry the run's id in MESHWRIGHT_RUN_ID. */
export function createRealWorld(options: WorldOptions): World {
  return new RealWorld(options);
}

type InstanceState = (typeof INSTANCE_STATES)[number];

class RealWorld implements World {
  readonly #options: WorldOptions;
  readonly #folder: string;
  readonly #ownFolder: boolean;
  readonly #epochNs = process.hrtime.bigint();
  readonly #clock = runClock(this.#epochNs);
  readonly #runId: string;
  readonly #recorder = new Recorder();
  readonly #table: ProcessTable;
  readonly #fleet: InstanceFleet;
  readonly #sidecars: SidecarFleet;
  readonly #members: Members;
  #controlPlane: RealControlPlane | null = null;
  #registry: RegistryDriver | null = null;
  readonly #indexOfAddress = new Map<string, number>();
  #network: { driver: ToxiproxyDriver; external: boolean } | null = null;
  #load: LoadDriver | null = null;
  #loadFromNs = -1;
  #loadToNs = -1;
  readonly #alive = new Set<number>();
  readonly #paused = new Set<number>();
  readonly #broken: Promise<never>;
  #break: (error: Error) => void = () => undefined;
  readonly #onAbort: () => void;
  #stopWatch: () => void = () => undefined;
  #stopping: Promise<void> | null = null;
  #stoppedAtNs = -1;

  constructor(options: WorldOptions) {
    const { mesh, seed, signal } = options;
    this.#options = options;
    this.#ownFolder = options.folder === '';
    this.#folder = this.#ownFolder ? mkdtempSync(join(tmpdir(), 'meshwright-')) : options.folder;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    this.#runId = process.env['MESHWRIGHT_RUN_ID'] ?? `mw-${process.pid}-${randomBytes(6).toString('hex')}`;
    this.#broken = new Promise((_resolve, reject) => {
      this.#break = reject;
    });
    this.#broken.catch(() => undefined);
    const epochNs = this.#epochNs;
    const recorder = this.#recorder;
    const table = new ProcessTable(this.#runId, this.#folder, (error) => this.#break(error));
    this.#table = table;
    const onMessage = (message: FromChild): void => this.#receive(message);
    this.#fleet = new InstanceFleet({ mesh, seed, epochNs, runId: this.#runId, table, onMessage });
    this.#members = new Members(
      this.#folder,
      mesh.instanceNames,
      (instance, state) => this.note(Kind.memberState, -1, instance, MEMBER_STATES.indexOf(state), -1),
      mesh.weights,
      mesh.sidecar,
      mesh.groups,
    );
    const endpointsFile = this.#members.path;
    const { discovery } = mesh.sidecar;
    if (discovery?.kind === 'registry')
      this.#registry = new RegistryDriver(discovery, table, (...parts) => this.note(...parts));
    if (discovery?.kind === 'xds') {
      const controlPlane = new RealControlPlane(mesh, recorder, this.#clock);
      this.#controlPlane = controlPlane;
      this.#members.onSets = (sets) => controlPlane.changed(sets);
    }
    this.#sidecars = new SidecarFleet({
      mesh,
      folder: this.#folder,
      endpointsFile,
      source: this.#controlPlane ?? this.#registry,
      indexOfAddress: (address) => this.#indexOfAddress.get(address) ?? -1,
      epochNs,
      table,
      recorder,
      now: this.#clock,
    });
    this.#onAbort = () => {
      this.#break(
        new MeshwrightError('MW_INTERRUPTED', 'the run was interrupted', { remedy: 'run it again' }),
      );
      void this.stop();
    };
    if (signal.aborted) this.#onAbort();
    else signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  get nowNs(): number {
    return this.#stoppedAtNs >= 0 ? this.#stoppedAtNs : this.#clock();
  }

  get live(): { readonly calls: number; readonly failed: number } {
    return this.#recorder.live;
  }

  async start(): Promise<void> {
    try {
      await this.#guard(this.#bringUp());
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  startLoad(load: FullLoad): void {
    if (this.#load === null) throw new Error('startLoad before start');
    if (this.#loadFromNs < 0) this.#loadFromNs = this.nowNs;
    this.#loadToNs = Math.max(this.#loadToNs, this.nowNs + load.forMs * 1e6);
    this.#load.begin(load);
  }

  async runUntil(untilNs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    try {
      while (this.nowNs < untilNs) {
        const waitMs = Math.max(1, Math.ceil((untilNs - this.nowNs) / 1e6));
        const wait = new Promise<void>((resolve) => {
          timer = setTimeout(resolve, Math.min(waitMs, 1_000));
        });
        await this.#guard(wait);
        const { overflow } = this.#recorder;
        if (overflow !== null) throw overflow;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  async apply(control: Control): Promise<void> {
    await this.#guard(this.#carryOut(control));
  }

  note(kind: Kind, call: number, instance: number, code: number, detail: number): void {
    this.#recorder.write(kind, this.nowNs, call, -1, instance, code, detail, -1);
  }

  async settle(graceNs: number): Promise<void> {
    const load = this.#load;
    if (load === null) return;
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, graceNs / 1e6);
    });
    try {
      await this.#guard(Promise.race([load.settled, grace]));
    } finally {
      clearTimeout(timer);
    }
    this.#stopWatch();
    await this.#guard(load.flush(this.nowNs));
    if (this.#loadFromNs >= 0)
      this.#sidecars.recordCpu(this.#loadFromNs, Math.min(this.#loadToNs, this.nowNs));
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#shutDown();
    return this.#stopping;
  }

  async #bringUp(): Promise<void> {
    const { mesh, seed } = this.#options;
    checkDescriptors(mesh.instanceNames.length, mesh.sidecar.replicas);
    this.#stopWatch = watchStalls(this.#clock, (tNs, ms) =>
      this.#recorder.write(Kind.stall, tNs, -1, -1, -1, -1, ms, -1),
    );
    const table = this.#table;
    const url = process.env['TOXIPROXY_URL'];
    // An external Toxiproxy that does not answer must be told before anything else runs.
    const network = startNetwork({ table, seed, runId: this.#runId, url });
    network.catch(() => undefined);
    if (url !== undefined) this.#network = await network;
    this.#load = new LoadDriver({
      table,
      epochNs: this.#epochNs,
      seed,
      transparentRetries: mesh.handsOver === true,
      recorder: this.#recorder,
      onMessage: (message) => this.#receive(message),
      onFailure: (error) => this.#break(error),
    });
    const initial = Array.from({ length: mesh.instances }, (_, index) => index);
    const ports = initial.map((index) => this.#startProcess(index));
    await this.#registry?.start();
    await Promise.all([network, this.#load.ready(), this.#fleet.startPacks(), ...ports]);
    this.#network = await network;
    await Promise.all(initial.map(async (index) => this.#open(index, (await ports[index]) as number)));
    this.#members.setAll(initial);
    await this.#controlPlane?.start();
    await this.#sidecars.start();
    await this.#sidecars.waitPickable(initial);
    await this.#load.setTargets(this.#targets());
  }

  async #carryOut(control: Control): Promise<void> {
    if (control.op === 'sidecar')
      return this.#sidecars.act(control.sidecar, control.act, () => this.#retarget());
    if (control.op === 'xds')
      return this.#controlPlane?.plane.set(control.sidecar, control.fault, control.effect);
    if (control.op === 'routes') return this.#controlPlane?.plane.reroute(control.routes);
    if (control.op === 'registry') return this.#registry?.act(control.act);
    const { instance } = control;
    const driver = this.#driver();
    switch (control.op) {
      case 'kill':
        return this.#kill(instance);
      case 'start':
        return this.#startInstance(instance);
      case 'stop':
        return this.#stopInstance(instance);
      case 'pause':
        this.#fleet.pause(instance);
        this.#paused.add(instance);
        this.#state(instance, 'paused');
        return this.#retarget();
      case 'resume':
        this.#state(instance, 'resumed');
        this.#fleet.resume(instance);
        this.#paused.delete(instance);
        return this.#retarget();
      case 'member':
        this.#members.set(instance, control.state);
        if (control.state === 'active') return this.#register(instance);
        return this.#registry === null ? undefined : this.#fleet.leave(instance);
      case 'list': {
        const { cluster, listed } = control;
        const index = Object.keys(this.#options.mesh.sidecar.clusters ?? {}).indexOf(cluster);
        const note = (): void => this.note(Kind.clusterMember, -1, instance, listed ? 1 : 0, index);
        return this.#members.list(instance, cluster, listed, note);
      }
      case 'mute':
        this.#registry?.say(control.muted ? 'unheard' : 'heard', instance);
        return this.#fleet.mute(instance, control.fault, control.muted);
      case 'network':
        if (control.effect === null) return driver.lift(instance, control.fault);
        return driver.apply(instance, control.fault, control.effect);
      case 'resetConnections':
        return driver.reset(instance);
      case 'fail':
        return this.#fleet.setRule(instance, control.fault, control.rule);
    }
  }

  async #kill(instance: number): Promise<void> {
    if (!this.#alive.delete(instance)) return;
    this.#paused.delete(instance);
    await this.#fleet.kill(instance, () => this.#state(instance, 'dead'));
    // A proxy whose upstream is dead would still accept: only a closed one refuses, as a dead machine's port does.
    await this.#driver().close(instance);
    await this.#retarget();
  }

  async #startInstance(instance: number): Promise<void> {
    if (this.#alive.has(instance)) return;
    await this.#open(instance, await this.#startProcess(instance));
    this.#members.set(instance, 'active');
    await this.#retarget();
  }

  async #stopInstance(instance: number): Promise<void> {
    if (!this.#alive.delete(instance)) return;
    if (this.#paused.delete(instance)) this.#fleet.resume(instance);
    this.#state(instance, 'draining');
    const retarget = this.#retarget();
    await this.#fleet.stop(instance);
    this.#state(instance, 'dead');
    await this.#driver().close(instance);
    await retarget;
  }

  #startProcess(instance: number): Promise<number> {
    this.#state(instance, 'starting');
    const port = this.#fleet.start(instance);
    port.catch(() => undefined);
    return port;
  }

  /** Lets the network through; from then on the instance is ready. */
  async #open(instance: number, port: number): Promise<void> {
    await this.#driver().open(instance, port);
    const address = this.#driver().address(instance);
    if (address !== undefined) this.#members.setAddress(instance, address);
    this.#alive.add(instance);
    this.#state(instance, 'ready');
    return this.#register(instance);
  }

  /** Where there is a registry. */
  async #register(instance: number): Promise<void> {
    const address = this.#driver().address(instance);
    if (this.#registry === null || address === undefined || !this.#alive.has(instance)) return;
    this.#indexOfAddress.set(address, instance);
    const { listen, ttlMs } = this.#registry;
    const { mesh } = this.#options;
    const weight = mesh.weights?.[instance] ?? 1;
    await this.#fleet.register(instance, listen, { service: mesh.service, address, weight, ttlMs });
  }

  #driver(): ToxiproxyDriver {
    if (this.#network === null) throw new Error('the world has not been started');
    return this.#network.driver;
  }

  #targets(): { sidecars: string[]; directs: { instance: number; address: string }[] } {
    const directs = [...this.#alive]
      .filter((instance) => !this.#paused.has(instance))
      .sort((a, b) => a - b)
      .map((instance) => ({ instance, address: this.#driver().address(instance) ?? '' }));
    return { sidecars: this.#sidecars.addresses, directs };
  }

  async #retarget(): Promise<void> {
    await this.#load?.setTargets(this.#targets());
  }

  #state(instance: number, state: InstanceState): void {
    this.note(Kind.instanceState, -1, instance, INSTANCE_STATES.indexOf(state), -1);
  }

  #receive(message: FromChild): void {
    if (message.type === 'events') this.#recorder.batch(message.fields);
  }

  #guard<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#broken]);
  }

  async #shutDown(): Promise<void> {
    this.#stoppedAtNs = this.#clock();
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    this.#break(new MeshwrightError('MW_INTERRUPTED', 'the run has been stopped'));
    this.#stopWatch();
    this.#controlPlane?.close();
    this.#table.close();
    try {
      this.#fleet.release();
      await Promise.allSettled([this.#load?.flush(this.#stoppedAtNs), this.#fleet.flush()]);
      if (this.#network?.external === true) await this.#network.driver.removeAll();
    } finally {
      await this.#table.stopAll(STOP_DEADLINE_MS);
      this.#sidecars.close();
      this.#recorder.mergeInto(this.#options.journal);
      if (this.#ownFolder) rmSync(this.#folder, { recursive: true, force: true });
    }
  }
}
