/** Signs of an effect that several faults share: pure questions about one journal event. */
import { ATTEMPT_ENDS, ENDPOINT_CHANGES, type EventView, INSTANCE_STATES, Kind } from '../journal/events.ts';

type Change = (typeof ENDPOINT_CHANGES)[number];
type State = (typeof INSTANCE_STATES)[number];

const COMPLETE = ATTEMPT_ENDS.indexOf('complete');

/** The sidecar reported one of these changes of the endpoint. */
export function sidecarSaw(event: EventView, changes: readonly Change[]): boolean {
  return event.kind === Kind.endpointChanged && changes.includes(ENDPOINT_CHANGES[event.code] as Change);
}

/** An attempt at the instance did not end well: cut off, timed out, or with a status other than OK. */
export function attemptFailed(event: EventView): boolean {
  return event.kind === Kind.attemptEnded && (event.detail !== COMPLETE || event.code !== 0);
}

/** An attempt at the instance ended early: cut off or timed out, whatever its status. */
export function attemptCut(event: EventView): boolean {
  return event.kind === Kind.attemptEnded && event.detail !== COMPLETE;
}

/** The instance is in this state now. */
export function becameState(event: EventView, state: State): boolean {
  return event.kind === Kind.instanceState && INSTANCE_STATES[event.code] === state;
}

/** The sidecar lost the endpoint, or an attempt at it failed: it felt that the instance is away. */
export function feltAway(event: EventView): boolean {
  return attemptFailed(event) || sidecarSaw(event, ['disconnected', 'unhealthy', 'unpickable']);
}
