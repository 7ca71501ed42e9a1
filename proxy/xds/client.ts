/**
 * A sidecar's side of xDS without its wires: follows one listener, or one cluster, to routes, clusters and endpoints, refuses what
 * it cannot use and goes on with the last good one. Drivers are proxy/discovery (gRPC) and sim/virtual. Time is passed in.
 */
import type { Endpoint } from '../policy/config.ts';
import { ClientType } from './client-type.ts';
import type { XdsClientConfig, XdsClientEvents, XdsClientView, XdsTransport } from './client-config.ts';
import { DELTA, type Exchange, SOTW, type Told } from './exchange.ts';
import { CLUSTER, ENDPOINTS, isKnownType, LISTENER, ROUTES, shortType, TYPES } from './messages.ts';
import type { AnyMessage, Codec, DeltaResponse, DiscoveryResponse, TypeUrl } from './messages.ts';
import { nameOf, readResource, reasonOf, type Resource } from './read-resource.ts';
import { type Table, type TableCluster, Teller } from './teller.ts';
import { compareVersions } from './versions.ts';

const FACTOR = 1.6;
const JITTER = 0.2;
/** A NACK names so many bad resources, and counts the rest. */
const REASONS_MAX = 5;
const ASK_ORDER = [LISTENER, ROUTES, CLUSTER, ENDPOINTS] as const;
const NONE: readonly Endpoint[] = [];
/** There is no listener, or none of its routes. */
const NOWHERE: Table = { routes: null, clusters: [], callMaxMs: 0 };

export class XdsClient {
  acks = 0;
  nacks = 0;
  readonly #config: XdsClientConfig;
  readonly #codec: Codec;
  readonly #transport: XdsTransport;
  readonly #events: XdsClientEvents;
  readonly #random: () => number;
  readonly #exchange: Exchange;
  readonly #types = TYPES.map((type) => new ClientType(type));
  #nowNs = 0;
  #connected = false;
  #introduced = false;
  #closed: string | null = 'not connected yet';
  #failures = 0;
  #reopenNs = Infinity;
  /** The table that is in use: null while none is known. And the one that is to be, if all of it is there. */
  #serving: Table | null = null;
  #target: Table | null = null;
  readonly #teller: Teller;
  #trouble: string | null = null;

  /** `random`: uniform in [0, 1). */
  constructor(
    config: XdsClientConfig,
    codec: Codec,
    transport: XdsTransport,
    events: XdsClientEvents,
    random: () => number,
  ) {
    this.#config = config;
    this.#codec = codec;
    this.#transport = transport;
    this.#events = events;
    this.#teller = new Teller(config.policies, events);
    this.#random = random;
    this.#exchange = config.variant === 'delta' ? DELTA : SOTW;
  }

  /** Before every entry. */
  advance(nowNs: number): void {
    this.#nowNs = nowNs;
  }

  start(): void {
    this.#want();
    this.#transport.open();
  }

  get nextTimeoutNs(): number {
    let next = this.#reopenNs;
    if (!this.#connected) return next;
    for (const { waiting } of this.#types)
      for (const sinceNs of waiting.values()) next = Math.min(next, sinceNs + this.#config.absentMs * 1e6);
    return next;
  }

  handleTimeout(): void {
    if (this.#reopenNs <= this.#nowNs) {
      this.#reopenNs = Infinity;
      this.#transport.open();
      return;
    }
    if (!this.#connected) return;
    for (const state of this.#types)
      for (const [name, sinceNs] of state.waiting)
        if (sinceNs + this.#config.absentMs * 1e6 <= this.#nowNs) this.#isAbsent(state, name);
    this.#settle();
  }

  handleConnected(): void {
    this.#connected = true;
    this.#introduced = false;
    this.#closed = null;
    for (const state of this.#types) state.restart();
    // What leads to a cluster first: it may have gone where something else takes its place.
    for (const type of ASK_ORDER) if (this.#of(type).wanted.length > 0) this.#ask(this.#of(type));
    this.#tell();
  }

  /** The stream is over, or could not be opened. Nothing else changes: what is in use stays in use. */
  handleClosed(reason: string): void {
    this.#connected = false;
    this.#closed = reason;
    for (const state of this.#types) state.waiting.clear();
    const { backoffBaseMs, backoffMaxMs } = this.#config;
    let waitMs = backoffBaseMs;
    for (let step = 0; step < this.#failures && waitMs < backoffMaxMs; step++) waitMs *= FACTOR;
    const jitter = 1 - JITTER + 2 * JITTER * this.#random();
    this.#failures++;
    this.#reopenNs = this.#nowNs + Math.floor(Math.min(waitMs, backoffMaxMs) * 1e6 * jitter);
    this.#tell();
  }

  handleResponse(response: DiscoveryResponse | DeltaResponse): void {
    if (!this.#connected || !isKnownType(response.type_url)) return;
    this.#failures = 0;
    const state = this.#of(response.type_url);
    const told = this.#exchange.read(state, response);
    state.nonce = told.nonce;
    const reason = this.#older(state, told) ?? this.#accept(state, told);
    if (reason === null) {
      this.acks++;
      state.version = told.version;
      // One that was refused is not in use: the control plane may go back behind it.
      state.newest = told.version;
      state.versionNames = state.wanted.join('\n');
    } else this.nacks++;
    // The word on this response goes out before anything that follows from it.
    this.#transport.send(this.#exchange.answer(state, reason));
    this.#settle();
  }

  view(): XdsClientView {
    const versions: Record<string, string> = {};
    for (const { type, version } of this.#types) if (version !== '') versions[shortType(type)] = version;
    return {
      connected: this.#connected,
      clusters: this.#serving?.clusters ?? [],
      versions,
      acks: this.acks,
      nacks: this.nacks,
      trouble: this.#trouble,
    };
  }

  #of(type: TypeUrl): ClientType {
    return this.#types[TYPES.indexOf(type)] as ClientType;
  }

  #ask(state: ClientType): void {
    const { id, cluster } = this.#config.node;
    const node = this.#introduced ? null : { id, cluster, user_agent_name: 'meshwright' };
    this.#introduced = true;
    this.#transport.send(this.#exchange.ask(state, node));
    state.wait(this.#nowNs);
  }

  #older(state: ClientType, { version }: Told): string | null {
    if (this.#config.versions !== 'rising') return null;
    if (compareVersions(version, state.newest) < 0)
      return `version ${version} is older than ${state.newest}, which came before it`;
    return null;
  }

  /** Takes what is good; the reason is about what is not, or null. */
  #accept(state: ClientType, told: Told): string | null {
    const reasons: string[] = [];
    const there = new Set<string>();
    let nameless = false;
    state.refused.delete('');
    for (const { name, version, any } of told.resources) {
      const read = this.#read(state.type, name, any);
      if (read.name === '') nameless = true;
      there.add(read.name);
      if ('reason' in read) {
        reasons.push(`${read.name === '' ? shortType(state.type) : read.name}: ${read.reason}`);
        state.refused.set(read.name, read.reason);
        continue;
      }
      if (!state.wanted.includes(read.name)) continue;
      state.accepted.set(read.name, { version, resource: read.resource });
      state.absent.delete(read.name);
      state.waiting.delete(read.name);
      state.refused.delete(read.name);
    }
    for (const name of told.removed) this.#isGone(state, name);
    // Of whom an unreadable resource is, nobody knows: so nobody is gone. Nor is whoever was not there yet: this response may
    // have been under way before it was asked for.
    if (told.whole && !nameless)
      for (const name of state.accepted.keys()) if (!there.has(name)) this.#isGone(state, name);
    if (reasons.length === 0) return null;
    const more = reasons.length - REASONS_MAX;
    return reasons.slice(0, REASONS_MAX).join('; ') + (more > 0 ? `; and ${more} more` : '');
  }

  #read(
    type: TypeUrl,
    known: string,
    any: AnyMessage | null,
  ): { name: string; resource: Resource } | { name: string; reason: string } {
    if (any === null) return { name: known, reason: 'it has no resource in it' };
    if (any.type_url !== type)
      return { name: known, reason: `it is of type ${JSON.stringify(any.type_url)}` };
    let message: object;
    try {
      message = this.#codec.unpack(type, any.value);
    } catch (error) {
      return { name: known, reason: `it cannot be parsed: ${reasonOf(error)}` };
    }
    const name = nameOf(type, message);
    if (known !== '' && known !== name)
      return { name: known, reason: `the name within it is ${JSON.stringify(name)}` };
    try {
      return { name, resource: readResource(type, message, this.#codec) };
    } catch (error) {
      return { name, reason: reasonOf(error) };
    }
  }

  /** The control plane says that there is no such resource. */
  #isGone(state: ClientType, name: string): void {
    if (!state.wanted.includes(name)) return;
    if (this.#config.keepDeleted && state.accepted.has(name)) return;
    state.accepted.delete(name);
    this.#isAbsent(state, name);
  }

  #isAbsent(state: ClientType, name: string): void {
    state.waiting.delete(name);
    state.refused.delete(name);
    state.absent.add(name);
  }

  /** Follows what is accepted now to the endpoints, asks for what is missing on the way, and says what is wrong. */
  #settle(): void {
    this.#want();
    this.#askAll();
    this.#publish();
    this.#tell();
  }

  #askAll(): void {
    if (!this.#connected) return;
    for (const state of this.#types) if (!sameNames(state)) this.#ask(state);
  }

  /** Where calls are to go, as far as that is known: null while it is not. */
  #find(): Table | null {
    const { follow } = this.#config;
    if ('cluster' in follow) return this.#target ?? { ...NOWHERE, clusters: [follow.cluster] };
    const listener = this.#found(LISTENER, follow.listener, 'listener');
    if (listener === null) return null;
    if (listener === '') return NOWHERE;
    const found = listener.table ?? this.#found(ROUTES, listener.routes, 'routes');
    if (found === null) return null;
    if (found === '') return NOWHERE;
    const { routes, clusters } = found;
    const { callMaxMs } = listener;
    const before = this.#target;
    if (before !== null && before.routes === routes && before.callMaxMs === callMaxMs) return before;
    return { routes, clusters, callMaxMs };
  }

  #found<K extends Resource['kind']>(
    type: TypeUrl,
    name: string,
    _kind: K,
  ): Extract<Resource, { kind: K }> | '' | null {
    const state = this.#of(type);
    const found = state.accepted.get(name)?.resource as Extract<Resource, { kind: K }> | undefined;
    return found ?? (state.absent.has(name) ? '' : null);
  }

  /** Sets what is wanted of each type. The clusters in use stay wanted until all of the next ones are there with their endpoints. */
  #want(): void {
    const { follow } = this.#config;
    if ('listener' in follow) {
      this.#of(LISTENER).want([follow.listener]);
      const listener = this.#found(LISTENER, follow.listener, 'listener');
      const routes = typeof listener === 'object' && listener !== null ? listener.routes : null;
      if (routes !== null) this.#of(ROUTES).want(routes === '' ? [] : [routes]);
    }
    this.#target = this.#find();
    const clusters = new Set([...(this.#serving?.clusters ?? []), ...(this.#target?.clusters ?? [])]);
    this.#of(CLUSTER).want([...clusters].sort());
    const names = new Set<string>();
    for (const name of clusters) {
      const cluster = this.#found(CLUSTER, name, 'cluster');
      if (typeof cluster === 'object' && cluster !== null && cluster.assignment !== '')
        names.add(cluster.assignment);
    }
    this.#of(ENDPOINTS).want([...names].sort());
  }

  /** Endpoints of a cluster: null while unknown, none when it does not exist. */
  #endpointsOf(name: string): readonly Endpoint[] | null {
    const cluster = this.#found(CLUSTER, name, 'cluster');
    if (cluster === null) return null;
    if (cluster === '') return NONE;
    if (cluster.endpoints !== null) return cluster.endpoints;
    const assignment = this.#found(ENDPOINTS, cluster.assignment, 'endpoints');
    if (assignment === null) return null;
    return assignment === '' ? NONE : assignment.endpoints;
  }

  /** Makes the target the table in use when each of its clusters is known, and tells what is new. */
  #publish(): void {
    const target = this.#target;
    if (target !== null && target !== this.#serving && target.clusters.every((name) => this.#isKnown(name))) {
      this.#serving = target;
      this.#want();
      this.#askAll();
    }
    const serving = this.#serving;
    if (serving === null) return;
    const clusters = new Map(serving.clusters.map((name) => [name, this.#clusterOf(name)]));
    this.#teller.tell(serving, clusters);
  }

  #isKnown(cluster: string): boolean {
    return this.#endpointsOf(cluster) !== null;
  }

  /** What is gone, or not there yet, before another table takes over: the last of it has to do until then. */
  #clusterOf(name: string): TableCluster {
    const found = this.#found(CLUSTER, name, 'cluster');
    const isLeft = this.#target !== this.#serving;
    const sections =
      typeof found === 'object' && found !== null ? found.sections : this.#teller.lastSections(name);
    const endpoints = this.#endpointsOf(name);
    if (endpoints === null || (endpoints === NONE && isLeft))
      return { sections, endpoints: this.#teller.lastOf(name) ?? NONE };
    return { sections, endpoints };
  }

  #tell(): void {
    const trouble = this.#troubleNow();
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    this.#events.onTrouble(trouble);
  }

  #troubleNow(): string | null {
    const parts: string[] = [];
    if (this.#closed !== null) parts.push(`the control plane is away: ${this.#closed}`);
    const target = this.#target;
    for (const { type, absent, refused } of this.#types) {
      // One that the routes have left may go.
      for (const name of absent)
        if (type !== CLUSTER || target === null || target.clusters.includes(name))
          parts.push(`the control plane has no ${shortType(type)} ${JSON.stringify(name)}`);
      for (const [name, reason] of refused)
        parts.push(`${shortType(type)} ${JSON.stringify(name)} was refused: ${reason}`);
    }
    return parts.length === 0 ? null : parts.join('; ');
  }
}

function sameNames({ wanted, asked }: ClientType): boolean {
  return wanted.length === asked.size && wanted.every((name) => asked.has(name));
}
