/** What happens to the registry of a mesh that has one, and to what one instance says to it. */
import { type EventView, Kind, REGISTRY_EVENTS } from '../journal/events.ts';
import { defineFault } from './definition.ts';
import { durationNs, onlyKnown, positiveNs } from './params.ts';

const DOWN_NS = 1e9;
const FIRST = 1;
const SECOND = 2;
type Sign = (typeof REGISTRY_EVENTS)[number];

/** The registry dies at once and forgets all leases; it is back on the same port after `down`. */
export const crashRegistry = defineFault<{ downNs: number }>({
  kind: 'registry.crash',
  impact: 'degraded',
  on: 'registry',
  parse(params, place) {
    onlyKnown(params, ['down'], place);
    return { downNs: durationNs(params, 'down', place, DOWN_NS) };
  },
  steps: ({ downNs }) => [
    { afterNs: 0, control: { op: 'registry', instance: -1, act: 'crash' } },
    { afterNs: downNs, control: { op: 'registry', instance: -1, act: 'start' }, heals: true },
  ],
  observed: (event) => (is(event, 'gone') ? FIRST : 0) | (is(event, 'serving') ? SECOND : 0),
  allSigns: FIRST | SECOND,
});

/** What the instance says to the registry gets lost: its lease runs out, while it serves on. */
export const muteRegistry = defineFault<{ forNs: number }>({
  kind: 'registry.mute',
  impact: 'membership',
  on: 'instance',
  parse(params, place) {
    onlyKnown(params, ['for'], place);
    return { forNs: positiveNs(params, 'for', place, Number.POSITIVE_INFINITY) };
  },
  steps({ forNs }, { instance, fault }) {
    const begin = { op: 'mute', instance, fault } as const;
    const first = { afterNs: 0, control: { ...begin, muted: true } };
    if (forNs === Number.POSITIVE_INFINITY) return [first];
    return [first, { afterNs: forNs, control: { ...begin, muted: false }, heals: true }];
  },
  observed: (event) => (is(event, 'unheard') ? FIRST : 0),
  allSigns: FIRST,
});

function is(event: EventView, sign: Sign): boolean {
  return event.kind === Kind.registry && REGISTRY_EVENTS[event.code] === sign;
}
