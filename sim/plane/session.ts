/** One sidecar's stream at the control plane, with the faults that lie on it. */
import type { XdsEffect } from '../faults/controls.ts';
import { ENDPOINTS, type Variant } from '../../proxy/xds/messages.ts';
import type {
  DeltaRequest,
  DeltaResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from '../../proxy/xds/messages.ts';
import type { Session } from '../../proxy/xds/server.ts';
import type { Snapshot } from '../../proxy/xds/snapshot.ts';
import type { ConfigEvent, Plane } from './plane.ts';

/** What was due and is still so is looked at again after this. */
const AGAIN_NS = 1e6;

export type Request = DiscoveryRequest & DeltaRequest;
export type Response = DiscoveryResponse & DeltaResponse;

export interface SessionOut {
  /** `event`: as what it arrives; `number`: which response of the run it is. */
  say(response: Response, event: ConfigEvent, number: number): void;
  /** The stream is over. */
  cut(reason: string): void;
}

export class PlaneSession {
  readonly sidecar: number;
  readonly #plane: Plane;
  readonly #out: SessionOut;
  readonly #session: Session;
  #open = true;
  #spoilt = false;
  /** While the control plane is silent: requests it has not taken. */
  readonly #untaken: Request[] = [];
  /** While updates change places: the one that waits for the next. */
  #first: Snapshot | null = null;
  #lastDueNs = 0;
  #newest = 0;
  #armedNs = Infinity;
  /** Responses without an answer so far, by type and nonce. */
  readonly #unanswered = new Map<string, number>();

  constructor(plane: Plane, sidecar: number, variant: Variant, out: SessionOut) {
    this.#plane = plane;
    this.sidecar = sidecar;
    this.#out = out;
    const sink = {
      send: (response: object) => this.#say(response as Response),
      end: (_status: number, reason: string) => this.cut(reason),
    };
    const { server } = plane;
    this.#session = variant === 'delta' ? server.openDelta(sink) : server.openSotw(sink);
  }

  /** The truth changed. */
  revise(snapshot: Snapshot): void {
    if (this.#faulty('drop') !== null || this.#faulty('pin') !== null) return this.#note('dropped');
    if (this.#faulty('silence') !== null) return this.#note('silent');
    if (this.#faulty('reorder') === null) return this.#tell(snapshot);
    const first = this.#first;
    this.#first = first === null ? snapshot : null;
    if (first === null) return;
    this.#tell(snapshot);
    this.#tell(first);
  }

  /** What is true now, as far as faults let it through. */
  catchUp(): void {
    if (this.#faulty('silence') === null)
      this.#tell(this.#plane.pinned(this.sidecar) ?? this.#plane.server.snapshot);
  }

  effectBegan(effect: XdsEffect): void {
    if (effect.kind === 'nack') this.catchUp();
    if (effect.kind !== 'silence') return;
    if (effect.cut) this.cut('it is away');
    else this.#note('silent');
  }

  effectEnded(effect: XdsEffect): void {
    if (effect.kind === 'reorder') this.#first = null;
    if (effect.kind === 'silence') for (const request of this.#untaken.splice(0)) this.handleRequest(request);
    // A change that was dropped stays so until the next one.
    if (effect.kind !== 'drop' && effect.kind !== 'delay') this.catchUp();
  }

  handleRequest(request: Request): void {
    if (!this.#open) return;
    if (this.#faulty('silence') !== null) {
      this.#untaken.push(request);
      return;
    }
    this.#session.advance(this.#nowNs);
    this.#session.handleRequest(request);
    this.#arm();
  }

  /** Notes the answer that is in a request, if it is one: at the sidecar, or where its word arrives. */
  noteAnswer(request: Request): void {
    const key = `${request.type_url} ${request.response_nonce ?? ''}`;
    const response = this.#unanswered.get(key);
    if (response === undefined) return;
    this.#unanswered.delete(key);
    const refused = request.error_detail !== undefined && request.error_detail !== null;
    const event = refused ? 'refused' : 'acked';
    this.#plane.options.note(this.sidecar, event, response, request.type_url);
  }

  cut(reason: string): void {
    if (!this.#open) return;
    this.#note('cut');
    this.close();
    this.#out.cut(reason);
  }

  /** Nobody hears it any more. */
  close(): void {
    this.#open = false;
    this.#plane.server.close(this.#session);
    this.#plane.close(this);
  }

  get #nowNs(): number {
    return this.#plane.options.nowNs();
  }

  #faulty<K extends XdsEffect['kind']>(kind: K): Extract<XdsEffect, { kind: K }> | null {
    return this.#plane.effect(this.sidecar, kind);
  }

  #tell(snapshot: Snapshot): void {
    const nack = this.#faulty('nack');
    this.#spoilt = nack !== null;
    this.#session.advance(this.#nowNs);
    this.#session.setSnapshot(nack === null ? snapshot : this.#plane.spoilt(nack.unparsable));
    this.#arm();
  }

  #say(response: Response): void {
    const byNs = this.#faulty('delay')?.byNs ?? 0;
    const serial = Number.parseInt(response.version_info ?? response.system_version_info ?? '0', 10);
    let event: ConfigEvent = byNs > 0 ? 'late' : 'told';
    if (serial < this.#newest) event = 'older';
    if (this.#spoilt && response.type_url === ENDPOINTS) event = 'spoilt';
    this.#newest = Math.max(this.#newest, serial);
    const number = this.#plane.nextResponse();
    this.#unanswered.set(`${response.type_url} ${response.nonce}`, number);
    this.#lastDueNs = Math.max(this.#lastDueNs, this.#nowNs + byNs);
    const waitNs = this.#lastDueNs - this.#nowNs;
    if (waitNs <= 0) return this.#out.say(response, event, number);
    this.#plane.options.later(waitNs, () => {
      if (this.#open) this.#out.say(response, event, number);
    });
  }

  #arm(leastNs = 0): void {
    const dueNs = Math.max(this.#nowNs + leastNs, Math.ceil(this.#session.nextTimeoutNs));
    if (!this.#open || dueNs >= this.#armedNs) return;
    this.#armedNs = dueNs;
    this.#plane.options.later(dueNs - this.#nowNs, () => {
      if (this.#armedNs === dueNs) this.#armedNs = Infinity;
      if (!this.#open) return;
      if (this.#faulty('silence') === null) {
        this.#session.advance(this.#nowNs);
        this.#session.handleTimeout();
      }
      this.#arm(AGAIN_NS);
    });
  }

  #note(event: ConfigEvent): void {
    this.#plane.options.note(this.sidecar, event, -1, null);
  }
}
