/**
 * What the control plane does wrong towards some sidecars while others are told the truth: late updates, updates that cannot
 * be used, lost ones, old ones after new ones, an old state, silence. The journal shows each by what came (or did not) at the sidecar.
 */
import { CONFIG_EVENTS, type EventView, Kind } from '../journal/events.ts';
import type { XdsEffect } from './controls.ts';
import { defineFault, type FaultDefinition } from './definition.ts';
import type { RouteSpec } from '../spec/routing.ts';
import { flag, onlyKnown, positiveNs, scenarioError, show } from './params.ts';

type Params = Readonly<Record<string, unknown>>;
type Sign = (typeof CONFIG_EVENTS)[number];

/** As the journal tells types of resources. */
const ROUTES_TYPE = 3;
const ARRIVED = (['told', 'late', 'older'] as const).map((event) => CONFIG_EVENTS.indexOf(event));

/** Whatever it says arrives `by` later, in order. */
export const delayXds = lasting('delay', ['by'], ['late'], (params, place) => ({
  kind: 'delay',
  byNs: positiveNs(params, 'by', place, null),
}));

/** What it says of endpoints is wrong: each must be refused; with `unparsable` it is not even a message. */
export const nackXds = lasting('nack', ['unparsable'], ['spoilt'], (params, place) => ({
  kind: 'nack',
  unparsable: flag(params, 'unparsable', place, false),
}));

/** Changes are forgotten: the sidecar hears of them with the first change after the fault. */
export const dropXds = lasting('drop', [], ['dropped'], () => ({ kind: 'drop' }));

/** Of every two changes the second is told first, and then the one before it. */
export const reorderXds = lasting('reorder', [], ['older'], () => ({ kind: 'reorder' }));

/** It is told of the mesh as it stood when the fault began, also on a new stream. */
export const pinXds = lasting('pin', [], ['dropped'], () => ({ kind: 'pin' }));

/** It takes nothing and says nothing; with `cut` its streams break, and it cannot be reached. */
export const silenceXds = lasting('silence', ['cut'], ['silent', 'cut'], (params, place) => ({
  kind: 'silence',
  cut: flag(params, 'cut', place, false),
}));

/** Calls go other ways from now on, as the control plane tells all sidecars. */
export const routesXds = defineFault<{ routes: readonly RouteSpec[] }>({
  kind: 'xds.routes',
  impact: 'degraded',
  on: 'plane',
  parse(params, place) {
    onlyKnown(params, ['routes'], place);
    const { routes } = params;
    if (Array.isArray(routes)) return { routes: routes as readonly RouteSpec[] };
    throw scenarioError(
      `'routes' is ${show(routes)}`,
      place,
      'give a list of routes, as mesh.sidecar has it',
    );
  },
  steps: ({ routes }) => [{ afterNs: 0, control: { op: 'routes', instance: -1, routes } }],
  observed: ({ kind, code, detail }) =>
    kind === Kind.config && detail === ROUTES_TYPE && ARRIVED.includes(code) ? 1 : 0,
  allSigns: 1,
});

function lasting(
  name: XdsEffect['kind'],
  own: readonly string[],
  signs: readonly Sign[],
  read: (params: Params, place: string) => XdsEffect,
): FaultDefinition {
  const codes = signs.map((sign) => CONFIG_EVENTS.indexOf(sign));
  return defineFault<{ effect: XdsEffect; forNs: number }>({
    kind: `xds.${name}`,
    impact: 'degraded',
    on: 'sidecar',
    parse(params, place) {
      onlyKnown(params, [...own, 'for'], place);
      return {
        effect: read(params, place),
        forNs: positiveNs(params, 'for', place, Number.POSITIVE_INFINITY),
      };
    },
    steps({ effect, forNs }, { sidecar, fault }) {
      const begin = { op: 'xds', instance: -1, sidecar, fault } as const;
      const first = { afterNs: 0, control: { ...begin, effect } };
      if (forNs === Number.POSITIVE_INFINITY) return [first];
      return [first, { afterNs: forNs, control: { ...begin, effect: null }, heals: true }];
    },
    observed: (event: EventView) => (event.kind === Kind.config && codes.includes(event.code) ? 1 : 0),
    allSigns: 1,
  });
}
