/** A control plane without its wires: one snapshot, many clients. Drivers are proxy/control-plane (gRPC) and sim/virtual. */
import type { Codec, DeltaResponse, DiscoveryResponse } from './messages.ts';
import { DeltaSession } from './delta-session.ts';
import type { Answer, SessionSink } from './server-session.ts';
import { type Messages, Snapshot } from './snapshot.ts';
import { SotwSession } from './sotw-session.ts';

export type Session = SotwSession | DeltaSession;

export class XdsServer {
  readonly sessions = new Set<Session>();
  onAnswer: (answer: Answer) => void = () => {};
  readonly #codec: Codec;
  #snapshot: Snapshot;

  /** `serial`: where versions begin; after a restart it should be above the last one of before. */
  constructor(codec: Codec, serial: number, messages: Messages = {}) {
    this.#codec = codec;
    this.#snapshot = new Snapshot(serial, messages, codec);
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** New resources, whole. Told to nobody yet; null when nothing differs. */
  revise(messages: Messages): Snapshot | null {
    const next = new Snapshot(this.#snapshot.serial + 1, messages, this.#codec, this.#snapshot);
    if (next.sameAs(this.#snapshot)) return null;
    this.#snapshot = next;
    return next;
  }

  /** The same, told to all. */
  update(messages: Messages, nowNs: number): Snapshot | null {
    const next = this.revise(messages);
    if (next === null) return null;
    for (const session of this.sessions) {
      session.advance(nowNs);
      session.setSnapshot(next);
    }
    return next;
  }

  openSotw(sink: SessionSink<DiscoveryResponse>): SotwSession {
    return this.#add(new SotwSession(this.#snapshot, sink));
  }

  openDelta(sink: SessionSink<DeltaResponse>): DeltaSession {
    return this.#add(new DeltaSession(this.#snapshot, sink));
  }

  close(session: Session): void {
    this.sessions.delete(session);
  }

  #add<S extends Session>(session: S): S {
    session.onAnswer = (answer) => this.onAnswer(answer);
    this.sessions.add(session);
    return session;
  }
}
