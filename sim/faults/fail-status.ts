/** failStatus: the instance answers a share of its calls with a gRPC status instead of serving them. */
import { Kind } from '../journal/events.ts';
import type { FailRule, Step } from './controls.ts';
import { defineFault } from './definition.ts';
import { flag, numberIn, onlyKnown, positiveNs, scenarioError, show } from './params.ts';
import { sidecarSaw } from './signs.ts';

/** A rule for this method fails health checks, and nothing else does. */
export const CHECK_PATH = '/grpc.health.v1.Health/Check';

export const failStatus = defineFault<{ rule: FailRule; forNs: number }>({
  kind: 'failStatus',
  impact: 'degraded',
  on: 'instance',
  parse(params, place) {
    onlyKnown(params, ['status', 'share', 'method', 'afterHeaders', 'for'], place);
    const method = params['method'] ?? null;
    if (method !== null && (typeof method !== 'string' || !/^\/[^/]+\/[^/]+$/.test(method))) {
      throw scenarioError(
        `'method' is ${show(method)}`,
        place,
        "write the full path, '/package.Service/Method'",
      );
    }
    return {
      rule: {
        status: numberIn(params, 'status', place, { min: 1, max: 16, whole: true, fallback: null }),
        share: share(params, place),
        method,
        afterHeaders: flag(params, 'afterHeaders', place, false),
      },
      forNs: positiveNs(params, 'for', place, Number.POSITIVE_INFINITY),
    };
  },
  steps({ rule, forNs }, { instance, fault }) {
    const steps: Step[] = [{ afterNs: 0, control: { op: 'fail', instance, fault, rule } }];
    if (forNs !== Number.POSITIVE_INFINITY) {
      steps.push({ afterNs: forNs, control: { op: 'fail', instance, fault, rule: null }, heals: true });
    }
    return steps;
  },
  observed(event, { params }) {
    if (params.rule.method === CHECK_PATH) return sidecarSaw(event, ['unhealthy']) ? 1 : 0;
    const answered = event.kind === Kind.attemptAnswered || event.kind === Kind.attemptEnded;
    return answered && event.code === params.rule.status ? 1 : 0;
  },
  allSigns: 1,
});

function share(params: Readonly<Record<string, unknown>>, place: string): number {
  const value = numberIn(params, 'share', place, { min: 0, max: 1, whole: false, fallback: 1 });
  if (value > 0) return value;
  throw scenarioError(
    "'share' is 0, so the fault would do nothing",
    place,
    'give a share above 0, at most 1',
  );
}
