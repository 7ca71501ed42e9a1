/** Writes what one sidecar says of itself into the journal. */
import type { AttemptEnd, EndpointChange, Observer } from '../../proxy/core/observer.ts';
import type { LinkStream } from '../../proxy/wire/link.ts';
import { ATTEMPT_ENDS, ENDPOINT_CHANGES, Kind } from '../journal/events.ts';
import type { ClientCall } from './caller-link.ts';
import type { Kernel } from './kernel.ts';
import type { AttemptStream } from './attempt-stream.ts';

export class JournalObserver implements Observer {
  /** Endpoints that the sidecar would pick now. */
  pickable = 0;
  readonly #sidecar: number;
  readonly #kernel: Kernel;
  readonly #indexOf: ReadonlyMap<string, number>;

  constructor(sidecar: number, kernel: Kernel, indexOf: ReadonlyMap<string, number>) {
    this.#sidecar = sidecar;
    this.#kernel = kernel;
    this.#indexOf = indexOf;
  }

  callStarted(_nowNs: number, stream: LinkStream): number {
    return (stream as ClientCall).number;
  }

  /** Comes right after the machine opened the stream: the stream learns whose it is. */
  attemptSent(nowNs: number, call: number, attempt: number, _endpointId: string): void {
    const stream = this.#kernel.lastOpened as AttemptStream;
    stream.call = call;
    stream.attempt = attempt;
    const instance = stream.link === null ? -1 : stream.link.instance.index;
    const first = attempt === 1 ? 1 : 0;
    this.#write(Kind.attemptSent, nowNs, call, attempt, instance, -1, first);
  }

  responseStarted(nowNs: number, call: number, attempt: number): void {
    this.#write(Kind.responseStarted, nowNs, call, attempt, -1, -1, -1);
  }

  attemptEnded(
    nowNs: number,
    call: number,
    attempt: number,
    endpointId: string,
    end: AttemptEnd,
    grpcStatus: number,
  ): void {
    const instance = this.#instance(endpointId);
    this.#write(Kind.attemptEnded, nowNs, call, attempt, instance, grpcStatus, ATTEMPT_ENDS.indexOf(end));
  }

  callEnded(nowNs: number, call: number, grpcStatus: number, madeHere: boolean): void {
    this.#write(Kind.sidecarCallEnd, nowNs, call, -1, -1, grpcStatus, madeHere ? 1 : 0);
  }

  endpointChanged(nowNs: number, endpointId: string, change: EndpointChange): void {
    if (change === 'pickable') this.pickable++;
    else if (change === 'unpickable') this.pickable--;
    this.#write(
      Kind.endpointChanged,
      nowNs,
      -1,
      -1,
      this.#instance(endpointId),
      ENDPOINT_CHANGES.indexOf(change),
      -1,
    );
  }

  #instance(endpointId: string): number {
    return this.#indexOf.get(endpointId) ?? -1;
  }

  #write(
    kind: Kind,
    tNs: number,
    call: number,
    attempt: number,
    instance: number,
    code: number,
    detail: number,
  ): void {
    this.#kernel.journal.write(kind, tNs, call, attempt, instance, code, detail, this.#sidecar);
  }
}
