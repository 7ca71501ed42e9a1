/**
 * One client of a control plane, on one stream: what it follows, what it has been told, what it has said to it, and what must
 * be sent next. Both variants share this; time is passed in, messages go to a sink.
 */
import { CLUSTER, ENDPOINTS, isKnownType, LISTENER, ROUTES, type TypeUrl, TYPES } from './messages.ts';
import type { NodeMessage, StatusMessage } from './messages.ts';
import type { Held, Snapshot } from './snapshot.ts';

/** Later kinds of a change wait at most so long for the word on earlier ones. */
const HOLD_NS = 1_000e6;
const NAMES_MAX = 20_000;
const NAME_CHARS_MAX = 1_024;
/** gRPC's INVALID_ARGUMENT. */
const INVALID = 3;

export interface SessionSink<Response> {
  send(response: Response): void;
  /** The client broke a bound: its stream ends with this status. */
  end(status: number, reason: string): void;
}

/** What a client said to a response. `reason`: null for an ACK. */
export interface Answer {
  node: string;
  type: TypeUrl;
  version: string;
  reason: string | null;
}

/** One type of resource on one stream. */
export class Following {
  readonly type: TypeUrl;
  followed = false;
  /** All there are, besides `names`. */
  wildcard = false;
  readonly names = new Set<string>();
  /** As the client was told last, whether it liked that or not. */
  known = new Map<string, Held>();
  /** Of the response that was not answered yet; '' when none is. */
  awaited = '';
  awaitedVersion = '';
  /** What was in it, and of which snapshot it was. */
  told: readonly string[] = [];
  serial = -1;
  /** The client refused it. */
  refused = false;
  sentNs = 0;
  /** When a response was answered last. */
  settledNs = 0;

  constructor(type: TypeUrl) {
    this.type = type;
  }

  /** What was refused is told again with the next snapshot, even if that has the same of it: a client may refuse an old version only. */
  owesAgain(name: string | null, { serial }: Snapshot): boolean {
    return this.refused && serial !== this.serial && (name === null || this.told.includes(name));
  }

  wants(name: string): boolean {
    return this.wildcard || this.names.has(name);
  }
}

export abstract class ServerSession<Request extends { type_url: string }, Response> {
  node = '';
  /** Told what the client answers. */
  onAnswer: (answer: Answer) => void = () => {};
  protected snapshot: Snapshot;
  protected readonly sink: SessionSink<Response>;
  readonly #followings = TYPES.map((type) => new Following(type));
  #nowNs = 0;
  #nonces = 0;
  #ended = false;

  constructor(snapshot: Snapshot, sink: SessionSink<Response>) {
    this.snapshot = snapshot;
    this.sink = sink;
  }

  advance(nowNs: number): void {
    this.#nowNs = nowNs;
  }

  /** What is true from now on; what the client follows of it is sent, in its order. */
  setSnapshot(snapshot: Snapshot): void {
    this.snapshot = snapshot;
    this.pump();
  }

  handleRequest(request: Request): void {
    const { node } = request as { node?: NodeMessage | null };
    if (this.node === '' && node !== undefined && node !== null) this.node = node.id ?? '';
    // Other types exist; whoever asks for them here waits in vain.
    if (this.#ended || !isKnownType(request.type_url)) return;
    const following = this.#of(request.type_url);
    if (!this.read(request, following)) return;
    if (this.#tooMuch(following)) return;
    this.pump();
  }

  /** When somebody has waited long enough for another's word; Infinity: nobody waits. */
  get nextTimeoutNs(): number {
    let next = Infinity;
    for (const { awaited, sentNs } of this.#followings) {
      const due = sentNs + HOLD_NS;
      if (awaited !== '' && due > this.#nowNs && due < next) next = due;
    }
    const warmBy = this.#of(CLUSTER).settledNs + HOLD_NS;
    if (!this.#warm() && warmBy < next) next = warmBy;
    return next;
  }

  handleTimeout(): void {
    this.pump();
  }

  /** Reads a request of a known type. False: it is about a response that is not the last one, and says nothing. */
  protected abstract read(request: Request, following: Following): boolean;

  /** What is to be sent now, or null. `gone`: also what is there no more. */
  protected abstract next(following: Following, gone: boolean): Response | null;

  protected nextNonce(): string {
    return String(++this.#nonces);
  }

  protected sent(following: Following, nonce: string, version: string, told: readonly string[]): void {
    following.awaited = nonce;
    following.awaitedVersion = version;
    following.told = told;
    following.serial = this.snapshot.serial;
    following.refused = false;
    following.sentNs = this.#nowNs;
  }

  /** True when `nonce` is that of the last response of this type. */
  protected answered(following: Following, nonce: string, error: StatusMessage | null | undefined): boolean {
    if (following.awaited === '' || nonce !== following.awaited) return false;
    const { type, awaitedVersion: version } = following;
    following.awaited = '';
    following.settledNs = this.#nowNs;
    const reason = error === undefined || error === null ? null : (error.message ?? '');
    following.refused = reason !== null;
    this.onAnswer({ node: this.node, type, version, reason });
    return true;
  }

  /**
   * Sends what may be sent: of each type one response at a time; endpoints after clusters, listeners and routes after
   * both, and that clusters are gone when no route names them any more.
   */
  protected pump(): void {
    this.#offer(CLUSTER, false);
    if (!this.#settled(CLUSTER)) return;
    this.#offer(ENDPOINTS, false);
    if (!this.#settled(ENDPOINTS) || !this.#warm()) return;
    this.#offer(LISTENER, true);
    if (!this.#settled(LISTENER)) return;
    this.#offer(ROUTES, true);
    if (!this.#settled(ROUTES)) return;
    this.#offer(CLUSTER, true);
    if (this.#settled(CLUSTER)) this.#offer(ENDPOINTS, true);
  }

  #offer(type: TypeUrl, gone: boolean): void {
    const following = this.#of(type);
    if (this.#ended || !following.followed || following.awaited !== '') return;
    const response = this.next(following, gone);
    if (response !== null) this.sink.send(response);
  }

  #settled(type: TypeUrl): boolean {
    const { awaited, sentNs } = this.#of(type);
    return awaited === '' || this.#nowNs - sentNs >= HOLD_NS;
  }

  /** Whoever follows all clusters has asked for the endpoints of each, or does not seem to want them. */
  #warm(): boolean {
    const clusters = this.#of(CLUSTER);
    if (!clusters.followed || !clusters.wildcard || this.#nowNs - clusters.settledNs >= HOLD_NS) return true;
    const endpoints = this.#of(ENDPOINTS);
    for (const [cluster, name] of this.snapshot.assigned)
      if (clusters.known.has(cluster) && !endpoints.wants(name)) return false;
    return true;
  }

  #of(type: TypeUrl): Following {
    return this.#followings[TYPES.indexOf(type)] as Following;
  }

  #tooMuch({ names }: Following): boolean {
    let bad = names.size > NAMES_MAX ? `more than ${NAMES_MAX} names are asked for` : '';
    for (const name of names)
      if (name.length > NAME_CHARS_MAX) bad = `a name is longer than ${NAME_CHARS_MAX} characters`;
    if (bad === '') return false;
    this.#ended = true;
    this.sink.end(INVALID, bad);
    return true;
  }
}
