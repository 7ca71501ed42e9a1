/** One sidecar's stream to the virtual control plane: its client core, its session there, the time between, and the faults on it. */
import type { XdsEffect } from '../faults/controls.ts';
import { DEFAULT_CLUSTER } from '../spec/routing.ts';
import { CONFIG_EVENTS, Kind } from '../journal/events.ts';
import { DEFAULT_XDS } from '../../proxy/xds/client-config.ts';
import { XdsClient } from '../../proxy/xds/client.ts';
import { ENDPOINTS, PLAIN_CODEC, TYPES, type TypeUrl } from '../../proxy/xds/messages.ts';
import type {
  DeltaRequest,
  DeltaResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from '../../proxy/xds/messages.ts';
import type { Session } from '../../proxy/xds/server.ts';
import type { Snapshot } from '../../proxy/xds/snapshot.ts';
import type { SidecarHost } from './sidecar-host.ts';
import { LISTENER_NAME, type XdsPlane } from './xds-plane.ts';

/** One way between a sidecar and its control plane. */
const ONE_WAY_NS = 5e6;
const RETRY_NS = 1e6;

type Request = DiscoveryRequest & DeltaRequest;
type Response = DiscoveryResponse & DeltaResponse;
type Event = (typeof CONFIG_EVENTS)[number];

export class XdsLine {
  readonly host: SidecarHost;
  readonly #plane: XdsPlane;
  readonly #client: XdsClient;
  #session: Session | null = null;
  /** Counts streams: what belongs to an earlier one does not arrive. */
  #stream = 0;
  #spoilt = false;
  /** While the control plane is silent: requests it has not taken. */
  readonly #untaken: Request[] = [];
  /** While updates change places: the one that waits for the next. */
  #first: Snapshot | null = null;
  #lastDueNs = 0;
  #newest = 0;
  #armedNs = Infinity;
  /** Responses that the client has not answered, by type and nonce. */
  readonly #unanswered = new Map<string, number>();

  constructor(host: SidecarHost, plane: XdsPlane) {
    this.host = host;
    this.#plane = plane;
    const { kind: _kind, ...given } = plane.spec;
    const config = {
      ...DEFAULT_XDS,
      ...given,
      node: { id: `sidecar/${host.index}`, cluster: 'mesh' },
      follow: { listener: LISTENER_NAME },
    };
    const random = plane.kernel.random.fork('xds').fork(host.slot);
    this.#client = new XdsClient(
      config,
      PLAIN_CODEC,
      { open: () => this.#open(), send: (request) => this.#ask(request as Request) },
      {
        onEndpoints: (endpoints) => host.handleSets(new Map([[DEFAULT_CLUSTER, endpoints]])),
        onTrouble: () => undefined,
      },
      () => random.nextUnit(),
    );
  }

  start(): void {
    this.#client.advance(this.#nowNs);
    this.#client.start();
    this.#arm();
  }

  /** The truth changed. */
  revise(snapshot: Snapshot): void {
    const session = this.#session;
    if (session === null) return;
    if (this.#faulty('drop') !== null) return this.#note('dropped', -1, null);
    if (this.#faulty('silence') !== null) return this.#note('silent', -1, null);
    if (this.#faulty('reorder') === null) return this.#tell(session, snapshot);
    const first = this.#first;
    if (first === null) {
      this.#first = snapshot;
      return;
    }
    this.#first = null;
    this.#tell(session, snapshot);
    this.#tell(session, first);
  }

  effectBegan(effect: XdsEffect): void {
    if (effect.kind === 'nack') this.#catchUp();
    if (effect.kind !== 'silence') return;
    if (effect.cut) this.#cut();
    else this.#note('silent', -1, null);
  }

  effectEnded(effect: XdsEffect): void {
    if (effect.kind === 'reorder') this.#first = null;
    if (effect.kind === 'silence') for (const request of this.#untaken.splice(0)) this.#take(request);
    // A change that was dropped stays so until the next one.
    if (effect.kind !== 'drop' && effect.kind !== 'delay') this.#catchUp();
  }

  get #nowNs(): number {
    return this.#plane.kernel.nowNs;
  }

  #faulty<K extends XdsEffect['kind']>(kind: K): Extract<XdsEffect, { kind: K }> | null {
    return this.#plane.effect(this.host.index, kind);
  }

  /** What is true now, as far as faults let it through. */
  #catchUp(): void {
    if (this.#session !== null && this.#faulty('silence') === null)
      this.#tell(this.#session, this.#plane.server.snapshot);
  }

  #tell(session: Session, snapshot: Snapshot): void {
    const nack = this.#faulty('nack');
    this.#spoilt = nack !== null;
    session.advance(this.#nowNs);
    session.setSnapshot(nack === null ? snapshot : this.#plane.spoilt(nack.unparsable));
    this.#arm();
  }

  #open(): void {
    const stream = ++this.#stream;
    this.#later(2 * ONE_WAY_NS, stream, () => {
      if (this.#faulty('silence')?.cut === true) return this.#lost('it refuses');
      const { server } = this.#plane;
      const sink = {
        send: (response: object) => this.#say(response as Response),
        end: () => this.#lost('it ended the stream'),
      };
      this.#newest = 0;
      this.#session = this.#plane.spec.variant === 'delta' ? server.openDelta(sink) : server.openSotw(sink);
      this.#catchUp();
      this.#client.advance(this.#nowNs);
      this.#client.handleConnected();
      this.#arm();
    });
  }

  #cut(): void {
    if (this.#session === null) return;
    this.#lost('it is away');
  }

  #lost(reason: string): void {
    this.#note('cut', -1, null);
    this.#forget();
    this.#client.advance(this.#nowNs);
    this.#client.handleClosed(reason);
    this.#arm();
  }

  #forget(): void {
    if (this.#session !== null) this.#plane.server.close(this.#session);
    this.#session = null;
    this.#stream++;
    this.#first = null;
    this.#untaken.length = 0;
    this.#unanswered.clear();
  }

  /** The client asks, or answers: the answer is noted where it is given. */
  #ask(request: Request): void {
    const key = `${request.type_url} ${request.response_nonce ?? ''}`;
    const response = this.#unanswered.get(key);
    if (response !== undefined) {
      this.#unanswered.delete(key);
      const refused = request.error_detail !== undefined && request.error_detail !== null;
      this.#note(refused ? 'refused' : 'acked', response, request.type_url);
    }
    this.#later(ONE_WAY_NS, this.#stream, () => this.#take(request));
  }

  #take(request: Request): void {
    const session = this.#session;
    if (session === null) return;
    if (this.#faulty('silence') !== null) {
      this.#untaken.push(request);
      return;
    }
    session.advance(this.#nowNs);
    session.handleRequest(request);
    this.#arm();
  }

  #say(response: Response): void {
    const byNs = this.#faulty('delay')?.byNs ?? 0;
    const spoilt = this.#spoilt && response.type_url === ENDPOINTS;
    this.#lastDueNs = Math.max(this.#lastDueNs, this.#nowNs + ONE_WAY_NS + byNs);
    this.#later(this.#lastDueNs - this.#nowNs, this.#stream, () => {
      const serial = Number.parseInt(response.version_info ?? response.system_version_info ?? '0', 10);
      const event = spoilt ? 'spoilt' : serial < this.#newest ? 'older' : byNs > 0 ? 'late' : 'told';
      this.#newest = Math.max(this.#newest, serial);
      const number = this.#plane.nextResponse();
      this.#note(event, number, response.type_url);
      this.#unanswered.set(`${response.type_url} ${response.nonce}`, number);
      this.#client.advance(this.#nowNs);
      this.#client.handleResponse(response);
      this.#arm();
    });
  }

  /** Later, if the stream and the sidecar are still there. */
  #later(waitNs: number, stream: number, task: () => void): void {
    const { kernel } = this.#plane;
    kernel.later(kernel.nowNs + waitNs, () => {
      if (!this.host.alive) this.#forget();
      else if (stream === this.#stream) task();
    });
  }

  /** `leastNs`: what was due and is still so must not stop the clock. */
  #arm(leastNs = 0): void {
    const session = this.#session?.nextTimeoutNs ?? Infinity;
    const dueNs = Math.max(this.#nowNs + leastNs, Math.ceil(Math.min(this.#client.nextTimeoutNs, session)));
    if (dueNs >= this.#armedNs) return;
    this.#armedNs = dueNs;
    this.#plane.kernel.later(dueNs, () => {
      if (this.#armedNs === dueNs) this.#armedNs = Infinity;
      if (!this.host.alive) return this.#forget();
      this.#client.advance(this.#nowNs);
      if (this.#client.nextTimeoutNs <= this.#nowNs) this.#client.handleTimeout();
      if (this.#session !== null && this.#faulty('silence') === null) {
        this.#session.advance(this.#nowNs);
        this.#session.handleTimeout();
      }
      this.#arm(RETRY_NS);
    });
  }

  #note(event: Event, response: number, type: string | null): void {
    const { journal, nowNs } = this.#plane.kernel;
    const detail = type === null ? -1 : TYPES.indexOf(type as TypeUrl);
    journal.write(
      Kind.config,
      nowNs,
      response,
      -1,
      -1,
      CONFIG_EVENTS.indexOf(event),
      detail,
      this.host.index,
    );
  }
}
