/** One endpoint: its connections, its health, whether it may be picked, and the calls that wait for room on it. */
import { Standing } from '../policy/balancer.ts';
import type { Endpoint, HealthConfig } from '../policy/config.ts';
import type { GroupMember } from '../policy/grouped.ts';
import { HealthState } from '../policy/health.ts';
import { type OutlierMember, OutlierRecord } from '../policy/outlier.ts';
import { DialRecord, reconnectNs } from '../policy/reconnect.ts';
import type { Call } from './call.ts';
import type { Context } from './context.ts';
import type { EndpointChange } from './observer.ts';
import type { HealthProbe } from './health-probe.ts';
import { IdleConnections } from './idle-connections.ts';
import { makeProbe } from './make-probe.ts';
import { OwnedTimer } from './timers.ts';
import type { Timer, TimerOwner } from './timers.ts';
import { UpstreamSession } from './upstream-session.ts';
import { WaitList } from './wait-list.ts';

/** Connections to one endpoint at most; a further one is opened when calls wait because no stream fits on those there are (MS-30). */
export const CONNECTIONS_PER_ENDPOINT_MAX = 8;

/** A watch tells of changes, not of samples. */
const AT_ONCE = { unhealthyThreshold: 1, healthyThreshold: 1 };

export class Upstream implements TimerOwner, GroupMember, OutlierMember {
  endpoint: Endpoint;
  readonly standing = new Standing();
  /** In which of its sets discovery named it last. */
  set = 0;
  readonly health = new HealthState();
  readonly outlier: OutlierRecord | null;
  pickable = false;
  /** It could be picked also without panic. */
  well = false;
  /** It has not shown yet whether it can be reached and is healthy: calls may wait for it. */
  warming = true;
  removed = false;
  attemptsAlive = 0;
  attemptsStarted = 0;
  /** How many times rarer than configured its connections are asked whether they are there: it said that it was too often. */
  #pingSlowness = 1;
  /** What is wrong with the connection or the health, for people. */
  trouble = '';
  readonly #context: Context;
  /** Connections that may take streams. */
  readonly #sessions: UpstreamSession[] = [];
  readonly #idle: IdleConnections;
  #dialling: UpstreamSession | null = null;
  /** A connection ended by GOAWAY and its successor is on the way: still pickable, calls wait for it (FO-19, FO-21). */
  #replacing = false;
  #record = new DialRecord();
  #connected = false;
  /** What it counts for in `context.checked` and `context.healthy`. */
  #checked = 0;
  #healthy = 0;
  readonly #waiting: WaitList;
  readonly #dialTimer: Timer;
  readonly #reconnectTimer: Timer;
  readonly #prober: HealthProbe | null;

  constructor(context: Context, endpoint: Endpoint) {
    this.#context = context;
    this.endpoint = endpoint;
    this.outlier = context.config.outlier === null ? null : new OutlierRecord();
    this.#waiting = new WaitList(context.counters);
    this.#idle = new IdleConnections(context, this.#sessions);
    this.#dialTimer = new OwnedTimer(this);
    this.#reconnectTimer = new OwnedTimer(this);
    const { health } = context.config;
    this.#prober = health === null ? null : makeProbe(context, this, health);
    context.warming++;
  }

  get id(): string {
    return this.endpoint.id;
  }

  /** For people: id, and what is dialled. */
  get name(): string {
    const { id, address, dialAddress = address } = this.endpoint;
    return id === dialAddress ? id : `${id} (${dialAddress})`;
  }

  get active(): number {
    return this.attemptsAlive + this.#waiting.length;
  }

  /** Calls that wait for room here. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  get connected(): boolean {
    return this.#connected;
  }

  get connections(): number {
    return this.#sessions.length;
  }

  /** Becomes a member. */
  begin(): void {
    this.tell('added');
    if (this.endpoint.draining) this.tell('draining');
    this.#dial();
  }

  /** Discovery says something else about it than before; true when it is of another group now. */
  change(endpoint: Endpoint): boolean {
    const before = this.endpoint;
    this.endpoint = endpoint;
    const moved =
      before.priority !== endpoint.priority ||
      before.locality !== endpoint.locality ||
      before.localityWeight !== endpoint.localityWeight;
    if (before.weight !== endpoint.weight) this.#context.balancer.memberChanged(this);
    if (before.dialAddress !== endpoint.dialAddress) this.#dialElsewhere();
    if (before.id === endpoint.id && before.draining === endpoint.draining) return moved;
    if (endpoint.draining && !before.draining) this.tell('draining');
    if (!endpoint.draining && this.#sessions.length === 0) this.#dial();
    this.update();
    return moved;
  }

  /** Is no member any more: what is in flight ends by itself, what waits goes elsewhere (DC-01, DC-02). */
  remove(): void {
    this.removed = true;
    this.#context.timers.cancel(this.#reconnectTimer);
    this.#idle.stop();
    this.#prober?.stop();
    this.#settled();
    this.update();
    this.#dialling?.close();
    this.#dialEnded();
    for (const session of this.#sessions.splice(0)) session.retire();
    this.tell('removed');
    this.#requeue();
  }

  /** A connection with room for one more stream. */
  sessionWithRoom(): UpstreamSession | null {
    const sessions = this.#sessions;
    for (let index = 0; index < sessions.length; index++) {
      const session = sessions[index] as UpstreamSession;
      if (session.link !== null && session.link.streamCapacity > 0) return session;
    }
    return null;
  }

  /** A call waits here for room. */
  enqueue(call: Call): void {
    this.#waiting.push(call, false);
    if (this.#mayConnect() && !this.#reconnectTimer.armed) this.#dial();
  }

  /** Room appeared: calls that wait go on in order (OV-09). */
  sendQueued(): void {
    while (this.#waiting.head !== null) {
      const session = this.sessionWithRoom();
      if (session === null) return;
      this.#waiting.shift()?.sendOn(session);
    }
  }

  handleConnected(session: UpstreamSession): void {
    this.#context.counters.connectionsUpstream++;
    this.#dialEnded();
    this.#record.connected();
    this.#replacing = false;
    this.#sessions.push(session);
    session.connectedNs = this.#context.nowNs;
    session.slowPings(this.#pingSlowness);
    if (this.#prober === null || this.health.healthy === true) this.trouble = '';
    this.#prober?.begin();
    if (this.#prober === null) this.#settled();
    this.update();
    this.sendQueued();
    // It took calls, and more of them wait: one more connection, too.
    if (this.#waiting.head !== null && session.attempts > 0 && this.#mayConnect()) this.#dial();
    this.#idle.watch();
  }

  handleDialFailed(session: UpstreamSession, reason: string): void {
    this.#dialEnded();
    this.#context.counters.connectsFailed++;
    this.#replacing = false;
    if (this.#sessions.length === 0) this.trouble = `cannot connect: ${reason}`;
    this.#settled();
    this.#dialLater(this.#record.failed());
    this.update();
    if (this.#sessions.length === 0) this.#requeue();
    this.#context.releaseWaiting();
  }

  /** GOAWAY: this connection takes no new streams; its successor is dialled at once, which is no failure (FO-21). */
  handleGoingAway(session: UpstreamSession): void {
    this.#pingSlowness = Math.max(this.#pingSlowness, session.wantedSlowness);
    this.#drop(session);
    this.#prober?.leave(session);
    if (this.#sessions.length === 0 && !this.removed && !this.endpoint.draining) {
      this.#replacing = this.#dialNext(session) && this.pickable;
    }
    this.update();
    session.retire();
    // What its probe had begun there goes on where there is another connection.
    if (this.#sessions.length > 0) this.#prober?.begin();
  }

  /** A connection is gone: from now on nothing may be sent on it. */
  handleLost(session: UpstreamSession): void {
    this.#drop(session);
    this.update();
  }

  handleClosed(session: UpstreamSession, reason: string): void {
    if (this.#sessions.length > 0) return;
    if (!session.retired) this.trouble = `connection lost: ${reason}`;
    if (!this.#replacing) this.#requeue();
    if (this.removed || this.endpoint.draining) return;
    if (this.#dialling === null && !this.#reconnectTimer.armed) this.#dialNext(session);
  }

  /** A check ended. `hung`: nothing came in time, so when that takes the endpoint out its connections go too (FO-31). */
  handleChecked(success: boolean, trouble: string, hung: boolean): void {
    const health = this.#context.config.health as HealthConfig;
    const changed = this.health.record(health.mode === 'watch' ? AT_ONCE : health, success);
    if (success) this.trouble = '';
    else this.trouble = trouble;
    if (success) this.#context.outliers?.handleHealthy(this);
    if (changed) this.tell(this.health.healthy === true ? 'healthy' : 'unhealthy');
    this.#settled();
    this.update();
    if (hung && this.health.healthy === false) {
      for (const session of this.#sessions.slice()) session.fail(trouble);
    }
    this.#context.releaseWaiting();
  }

  handleTimer(timer: Timer): void {
    if (timer === this.#reconnectTimer) {
      // A further connection only while calls wait for it.
      if (this.#sessions.length === 0 || (this.#waiting.head !== null && this.#mayConnect())) this.#dial();
      return;
    }
    const session = this.#dialling as UpstreamSession;
    session.over = true;
    this.#context.environment.abandon?.(session);
    this.handleDialFailed(session, `no answer within ${this.#context.config.timeout.connectMs} ms`);
  }

  /** Outlier detection took it out, or lets it back in: what is in flight there goes on. */
  ejectionChanged(): void {
    this.tell(this.ejected ? 'ejected' : 'unejected');
    this.update();
  }

  get ejected(): boolean {
    return this.outlier !== null && this.outlier.ejected;
  }

  /** For people: why it is not pickable. */
  condition(): string {
    if (this.endpoint.draining) return 'draining';
    if (this.ejected) return 'ejected for its errors';
    return this.trouble === '' ? 'not connected yet' : this.trouble;
  }

  /** Works out anew whether it may be picked. */
  update(): void {
    const context = this.#context;
    const connected = this.#sessions.length > 0;
    if (connected !== this.#connected) {
      this.#connected = connected;
      this.tell(connected ? 'connected' : 'disconnected');
    }
    const healthy = this.#prober === null || this.#countHealth();
    const reachable = connected || this.#replacing;
    const member = !this.removed && !this.endpoint.draining;
    const pickable = member && healthy && reachable && !this.ejected;
    const well = pickable && (this.#prober === null || this.health.healthy === true);
    if (well !== this.well) {
      this.well = well;
      // A panic that began or ended has changed what was worked out above.
      if (this.#regroup()) return this.update();
    }
    if (pickable === this.pickable) return;
    this.pickable = pickable;
    context.pickable += pickable ? 1 : -1;
    context.balancer.memberChanged(this);
    this.tell(pickable ? 'pickable' : 'unpickable');
    if (pickable) context.releaseWaiting();
    else this.#requeue();
  }

  /** Counts it among those that were checked, and those that are well; true when it may be picked by its health. */
  #countHealth(): boolean {
    const context = this.#context;
    const counts = !this.removed && !this.endpoint.draining && this.health.healthy !== null;
    const checked = counts ? 1 : 0;
    const healthy = counts && this.health.healthy === true ? 1 : 0;
    if (checked !== this.#checked || healthy !== this.#healthy) {
      context.checked += checked - this.#checked;
      context.healthy += healthy - this.#healthy;
      this.#checked = checked;
      this.#healthy = healthy;
      context.reviewPanic();
    }
    return this.health.healthy === true || (context.panic && counts);
  }

  tell(change: EndpointChange): void {
    this.#context.observer?.endpointChanged(this.#context.nowNs, this.id, change);
  }

  #dial(): void {
    if (this.#dialling !== null || this.removed || this.endpoint.draining) return;
    const context = this.#context;
    const session = new UpstreamSession(context, this);
    this.#dialling = session;
    context.dialling++;
    this.tell('dialling');
    context.timers.arm(this.#dialTimer, context.nowNs, context.config.timeout.connectMs * 1e6);
    context.environment.dial(session);
  }

  #dialEnded(): void {
    this.#context.timers.cancel(this.#dialTimer);
    if (this.#dialling !== null) this.#context.dialling--;
    this.#dialling = null;
  }

  /**
   * The last connection ended. The next one is dialled at once (true) where that one had served or lasted, and once where it
   * had not: an endpoint that accepts and closes would be dialled without end.
   */
  #dialNext(session: UpstreamSession): boolean {
    const shortLived = this.#record.ended(session, this.#context.nowNs);
    if (shortLived <= 1) this.#dial();
    else this.#dialLater(shortLived - 1);
    return this.#dialling !== null;
  }

  /** Nothing is known against the address that is dialled from now on. */
  #dialElsewhere(): void {
    this.#record = new DialRecord();
    if (this.#sessions.length > 0 || !this.#reconnectTimer.armed) return;
    this.#context.timers.cancel(this.#reconnectTimer);
    this.#dial();
  }

  #dialLater(failures: number): void {
    if (this.#reconnectTimer.armed) return;
    const { timers, nowNs, random } = this.#context;
    timers.arm(this.#reconnectTimer, nowNs, reconnectNs(failures, random()));
  }

  #mayConnect(): boolean {
    const { breaker } = this.#context;
    const own = this.#sessions.length;
    return breaker === null ? own < CONNECTIONS_PER_ENDPOINT_MAX : breaker.mayConnect(own);
  }

  #drop(session: UpstreamSession): void {
    const index = this.#sessions.indexOf(session);
    if (index >= 0) this.#sessions.splice(index, 1);
  }

  #settled(): void {
    if (!this.warming) return;
    this.warming = false;
    this.#context.warming--;
    this.#regroup();
  }

  /** Its group counts it anew, which may begin or end a panic: true when that was looked at. */
  #regroup(): boolean {
    const { groups, config } = this.#context;
    if (groups === null) return false;
    groups.healthChanged(this);
    if (config.balancer.panicThreshold === 0) return false;
    this.#context.reviewPanic();
    return true;
  }

  /** What waits here looks for another endpoint. */
  #requeue(): void {
    if (this.#waiting.head === null) return;
    for (const call of this.#waiting.takeAll()) call.pickAgain();
  }
}
