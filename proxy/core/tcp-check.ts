/** A health check that only connects: a connection of its own comes about, which is closed at once, or does not. */
import { nextCheckNs } from '../policy/check-schedule.ts';
import type { Endpoint, HealthConfig } from '../policy/config.ts';
import type { Link } from '../wire/link.ts';
import type { Context } from './context.ts';
import type { HealthProbe } from './health-probe.ts';
import type { UpstreamPort } from './machine.ts';
import type { Timer, TimerOwner } from './timers.ts';
import { OwnedTimer } from './timers.ts';
import type { Upstream } from './upstream.ts';

export class TcpProbe implements TimerOwner, HealthProbe {
  readonly #context: Context;
  readonly #upstream: Upstream;
  readonly #config: HealthConfig;
  readonly #timer: Timer;
  readonly #timeout: Timer;
  #dial: Dial | null = null;
  #startedNs = 0;
  #checks = 0;

  constructor(context: Context, upstream: Upstream, config: HealthConfig) {
    this.#context = context;
    this.#upstream = upstream;
    this.#config = config;
    this.#timer = new OwnedTimer(this);
    this.#timeout = new OwnedTimer(this);
  }

  begin(): void {
    if (this.#dial === null && !this.#timer.armed) this.handleTimer(this.#timer);
  }

  stop(): void {
    this.#context.timers.cancel(this.#timer);
    if (this.#dial !== null) this.#context.environment.abandon?.(this.#dial);
    this.#forget();
  }

  leave(): void {}

  handleTimer(timer: Timer): void {
    const { environment, counters, timers, nowNs } = this.#context;
    const { timeoutMs } = this.#config;
    if (timer === this.#timeout) {
      environment.abandon?.(this.#dial as Dial);
      return this.ended(`no connection within ${timeoutMs} ms`, true);
    }
    this.#checks++;
    this.#startedNs = nowNs;
    counters.healthChecks++;
    this.#dial = new Dial(this, this.#upstream.endpoint);
    timers.arm(this.#timeout, nowNs, timeoutMs * 1e6);
    environment.dial(this.#dial);
  }

  /** The dial came to this. `trouble` '': the connection stands. */
  ended(trouble: string, hung: boolean): void {
    this.#forget();
    const { counters, timers, nowNs, random } = this.#context;
    if (trouble !== '') counters.healthChecksFailed++;
    this.#upstream.handleChecked(
      trouble === '',
      trouble === '' ? '' : `its health check failed: ${trouble}`,
      hung,
    );
    const { onEdge } = this.#upstream.health;
    const waitNs = nextCheckNs(this.#config, this.#startedNs, nowNs, this.#checks, onEdge, random());
    timers.arm(this.#timer, nowNs, waitNs);
  }

  #forget(): void {
    const dial = this.#dial;
    if (dial === null) return;
    this.#dial = null;
    dial.over = true;
    this.#context.timers.cancel(this.#timeout);
  }
}

/** The connection: told to its probe once, closed when it stands. */
class Dial implements UpstreamPort {
  readonly endpoint: Endpoint;
  over = false;
  readonly #probe: TcpProbe;

  constructor(probe: TcpProbe, endpoint: Endpoint) {
    this.#probe = probe;
    this.endpoint = endpoint;
  }

  attach(link: Link): void {
    this.handleConnected(link);
  }

  handleConnected(link: Link): void {
    if (!this.over) this.#probe.ended('', false);
    link.close();
  }

  handleDialFailed(reason: string): void {
    if (!this.over) this.#probe.ended(reason, false);
  }

  handleLosing(): void {}
  onHeaders(): void {}
  onData(): void {}
  onTrailers(): void {}
  onReset(): void {}
  onDrained(): void {}
  onCapacity(): void {}
  onClose(): void {}
}
