/**
 * What is well formed and yet cannot be meant: a setting that another one contradicts or leaves without any effect. Whoever wrote it believes that
 * something happens. What switches a section off (`retry.attempts` 1, `health.intervalMs` 0) may leave the rest of its section in place.
 */
import { parseWeighted } from '../policy/address.ts';
import { DEFAULT_LOAD_SHED } from '../policy/failover-config.ts';
import type { OptionReader } from './option-reader.ts';

/**
 * Of the file, a cluster or a route: `own` is what it says itself, `all` with what it inherits. What it inherits is not its fault, and
 * what it says itself may have no effect beside that.
 */
export function refuseContradictions(own: OptionReader, all: OptionReader = own): void {
  for (const refuse of [health, failover, outlier, balancer, bounds, messageLimit, loadShed])
    refuse(own, all);
}

/** Of the whole: options that belong to others which are not there. */
export function refuseIdle(read: OptionReader): void {
  for (const name of ['xds-variant', 'xds-node', 'registry-tls', 'registry-ca', 'registry-token-file']) {
    const source = name.slice(0, name.indexOf('-'));
    if (!read.has(name) || read.has(source)) continue;
    const says = `${name} is given, and no ${source === 'xds' ? 'control plane' : 'registry'}`;
    throw read.refusal(name, says, `add --${source} HOST:PORT, or leave it out`);
  }
  const [takeover, control] = [read.text('takeover'), read.text('control')];
  if (takeover !== null && control !== null && takeover !== control)
    throw read.refusal(
      'control',
      'the control socket is that of the sidecar whose port is taken over',
      'give the same path, or leave it out',
    );
  const listen = read.text('listen');
  const looped = read.list('upstream').find((item) => parseWeighted(item)?.address === listen);
  if (looped !== undefined)
    throw read.refusal('upstream', `${looped} is the sidecar itself`, 'give the address of an instance');
}

const numberOf = (read: OptionReader, name: string): number => Number(read.text(name) ?? Number.NaN);
const isOff = (read: OptionReader, name: string): boolean => !(numberOf(read, name) > 0);

function health(own: OptionReader, all: OptionReader): void {
  for (const name of ['health-timeout-ms', 'health-unhealthy', 'health-healthy', 'health-service']) {
    if (own.has(name) && !all.has('health-interval-ms'))
      throw own.refusal(name, 'health is not checked', 'add --health-interval-ms, or leave it out');
  }
  const mode = own.text('health.mode');
  if (mode === 'tcp' && (own.text('health-service') ?? '') !== '')
    throw own.refusal('health-service', 'by tcp no service is asked for', 'leave it out, or use mode check');
  for (const name of ['health-unhealthy', 'health-healthy']) {
    if (mode === 'watch' && own.has(name))
      throw own.refusal(name, 'what a watch says counts at once', 'leave it out, or use mode check');
  }
  const unchecked = isOff(all, 'health-interval-ms');
  if (unchecked && !isOff(own, 'balancer.panicThreshold'))
    throw own.refusal(
      'balancer.panicThreshold',
      'without health checks there is no share of healthy endpoints',
      'add health: { intervalMs: … }, or leave it out',
    );
  if (unchecked && own.flag('outlier.healthyCheckUnejects'))
    throw own.refusal(
      'outlier.healthyCheckUnejects',
      'health is not checked',
      'add health: { intervalMs: … }, or leave it out',
    );
}

function failover(own: OptionReader, all: OptionReader): void {
  const hedged = all.flag('hedging');
  for (const name of ['retry-attempts', 'retry-on', 'retry-backoff-base-ms', 'retry-backoff-max-ms']) {
    if (hedged && own.has(name))
      throw own.refusal(
        name,
        'a call is either retried or hedged (gRFC A6)',
        'leave it out, or leave hedging out',
      );
  }
  const most = numberOf(own, 'timeout.callMaxMs');
  const [perTryMs, callMs] = [numberOf(own, 'per-try-timeout-ms'), numberOf(own, 'call-timeout-ms')];
  for (const limitMs of [callMs, most]) {
    if (!(limitMs > 0 && perTryMs > limitMs)) continue;
    throw own.refusal(
      'per-try-timeout-ms',
      `one attempt may take ${perTryMs} ms, and the call ${limitMs} ms`,
      'make it shorter than the deadline of the call',
    );
  }
  if (most > 0 && callMs > most)
    throw own.refusal(
      'call-timeout-ms',
      `a call that brings no deadline gets ${callMs} ms, and none may have more than ${most} ms`,
      'give callMaxMs or less',
    );
  if (own.flag('retryThrottling') && !hedged && numberOf(all, 'retry-attempts') === 1)
    throw own.refusal(
      'retryThrottling',
      'nothing is retried that could be throttled',
      'leave it out, or give retry.attempts 2 or more',
    );
}

function outlier(own: OptionReader): void {
  if (!own.flag('outlier')) return;
  const looksFor = ['outlier.consecutiveGatewayErrors', 'outlier.successRate', 'outlier.failurePercent'];
  const errorsOff = own.has('outlier.consecutiveErrors') && isOff(own, 'outlier.consecutiveErrors');
  if (errorsOff && looksFor.every((name) => !own.flag(name) && isOff(own, name)))
    throw own.refusal(
      'outlier.consecutiveErrors',
      'no sort of failure ejects an endpoint',
      'give a count above 0, or successRate: {}, or failurePercent: {}',
    );
  const most = own.text('outlier.maxEjectionPercent');
  if (most === '0' && own.text('outlier.cap') !== 'envoy_at_least_one')
    throw own.refusal('outlier.maxEjectionPercent', 'nobody may be ejected', 'give 1 or more');
  const [baseMs, maxMs] = ['outlier.baseEjectionMs', 'outlier.maxEjectionMs'].map((name) =>
    numberOf(own, name),
  ) as [number, number];
  if (maxMs < baseMs)
    throw own.refusal(
      'outlier.maxEjectionMs',
      `the longest ejection (${maxMs} ms) is shorter than the first (${baseMs} ms)`,
      'give baseEjectionMs or more',
    );
  if (own.has('outlier.gatewayStatuses') && isOff(own, 'outlier.consecutiveGatewayErrors'))
    throw own.refusal(
      'outlier.gatewayStatuses',
      'gateway errors are not counted',
      'add consecutiveGatewayErrors, or leave it out',
    );
}

function balancer(own: OptionReader, all: OptionReader): void {
  const without = (name: string, needed: string, says: string): void => {
    if (own.has(name) && isOff(own, needed))
      throw own.refusal(name, says, `add ${needed.replace('balancer.', '')}, or leave it out`);
  };
  without('balancer.slowStartFloor', 'balancer.slowStartMs', 'there is no slow start');
  without('balancer.subsetKey', 'balancer.subsetSize', 'there is no subset');
  const [priorities, localities] = [own.text('balancer.priorities'), own.text('balancer.localities')];
  if (priorities === 'ignore' && !isOff(own, 'balancer.subsetSize'))
    throw own.refusal(
      'balancer.subsetSize',
      'a subset is drawn of each priority, and priorities are ignored',
      'leave out priorities: ignore, or the subset',
    );
  const isIgnored = localities === null || localities === 'ignore';
  if (own.has('balancer.overprovisioning') && (priorities ?? 'envoy') !== 'envoy' && isIgnored)
    throw own.refusal(
      'balancer.overprovisioning',
      `priorities: ${priorities} knows no overprovisioning`,
      'leave it out, or use priorities: envoy',
    );
  // With routes the clusters go by it.
  if (own.has('locality') && localities !== 'nearest' && !all.has('routing'))
    throw own.refusal(
      'locality',
      'nothing asks where the sidecar is',
      'add localities: nearest to the balancer, or leave it out',
    );
}

function bounds(own: OptionReader): void {
  for (const [inner, outer] of [
    ['circuitBreaker.maxPending', 'circuitBreaker.maxRequests'],
    ['circuitBreaker.endpointMaxRequests', 'circuitBreaker.maxRequests'],
    ['circuitBreaker.endpointMaxPending', 'circuitBreaker.maxPending'],
    ['waitForReady.maxPending', 'circuitBreaker.maxPending'],
    ['waitForReady.maxMs', 'timeout.callMaxMs'],
  ] as const) {
    const [least, most] = [numberOf(own, inner), numberOf(own, outer)];
    if (!(most > 0 && least > most)) continue;
    const says = `${least} is never reached, for ${outer} is ${most}`;
    throw own.refusal(inner, says, `give at most ${most}, or leave it out`);
  }
}

function messageLimit(own: OptionReader): void {
  if (!own.flag('messageLimit')) return;
  const bounds = ['messageLimit.requestBytesMax', 'messageLimit.responseBytesMax'];
  if (bounds.some((name) => own.text(name) !== '0')) return;
  throw own.refusal('messageLimit', 'it bounds neither direction', 'give one of its bounds, or leave it out');
}

function loadShed(own: OptionReader, all: OptionReader): void {
  if (!own.flag('loadShed')) return;
  const bounded = all.flag('circuitBreaker') && all.text('circuitBreaker.maxRequests') !== '0';
  if (!bounded && !all.flag('concurrency'))
    throw own.refusal(
      'loadShed',
      'there is no limit of calls in flight by which load could be shed',
      'add concurrency: {} or circuitBreaker: {}',
    );
  const [retriesAt, lowPriorityAt] = (['retriesAt', 'lowPriorityAt'] as const).map((name) =>
    Number(own.text(`loadShed.${name}`) ?? DEFAULT_LOAD_SHED[name]),
  ) as [number, number];
  if (lowPriorityAt < retriesAt)
    throw own.refusal(
      'loadShed.lowPriorityAt',
      `retries go first, and they would go at ${retriesAt}, after calls that matter little`,
      'give retriesAt or more',
    );
}
