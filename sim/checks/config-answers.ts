/**
 * check.configAnswers (DC-07, DC-09): each response of the control plane that a sidecar gets is answered once: one that can be used by an
 * ACK, one that cannot by a NACK; and from one of endpoints that it cannot use until the next that it can, its set stays as it is.
 * An older one after a newer one may have either answer.
 */
import { CONFIG_EVENTS, ENDPOINT_CHANGES, type EventView, Kind } from '../journal/events.ts';
import type { CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';

type Event = (typeof CONFIG_EVENTS)[number];

const CHANGES: readonly number[] = [ENDPOINT_CHANGES.indexOf('added'), ENDPOINT_CHANGES.indexOf('removed')];
const ENDPOINTS = 1;
/** Real world: at the end, an answer may still be on its way so long after the response. */
const ANSWER_NS = 1_000e6;

export function configAnswers(): CheckSpec {
  const spec: CheckSpec = {
    name: 'configAnswers',
    params: {},
    start: ({ world }) => new ConfigAnswers(spec, world === 'real' ? ANSWER_NS : 0),
  };
  return spec;
}

interface Awaited {
  event: Event;
  sidecar: number;
  atNs: number;
  seq: number;
}

class ConfigAnswers implements CheckRun {
  readonly kinds = [Kind.config, Kind.endpointChanged, Kind.sidecarState, Kind.phase];
  readonly #spec: CheckSpec;
  readonly #awaited = new Map<number, Awaited>();
  readonly #broken = new Evidence();
  /** By sidecar: the response that it cannot use, while it is the last one of endpoints. */
  readonly #spoilt = new Map<number, Awaited>();
  #answers = 0;
  #refused = 0;

  readonly #graceNs: number;
  #lastNs = 0;

  constructor(spec: CheckSpec, graceNs: number) {
    this.#graceNs = graceNs;
    this.#spec = spec;
  }

  onEvent(event: EventView): void {
    this.#lastNs = event.tNs;
    if (event.kind === Kind.config) this.#config(event);
    // A sidecar that ends answers nothing, and one that begins has no last good set.
    else if (event.kind === Kind.sidecarState) this.#forget(event.sidecar);
    else if (event.kind === Kind.endpointChanged && CHANGES.includes(event.code)) this.#changed(event);
  }

  finish(): Verdict {
    for (const { sidecar, atNs, seq } of this.#awaited.values()) {
      if (atNs > this.#lastNs - this.#graceNs && this.#graceNs > 0) continue;
      if (this.#broken.add(atNs, seq))
        this.#broken.first = `Sidecar ${sidecar} never answered a response that came at ${atTime(atNs)}.`;
    }
    if (this.#broken.count > 0) {
      const { count, first } = this.#broken;
      const more = count > 1 ? ` ${count} times the rule was broken.` : '';
      return verdictOf(this.#spec, 'violated', this.#answers, first + more, this.#broken);
    }
    if (this.#answers === 0)
      return verdictOf(this.#spec, 'not exercised', 0, 'No control plane said anything.');
    const said = `${counted(this.#answers, 'response')} answered once each, ${this.#refused} of them by a NACK that changed nothing.`;
    return verdictOf(this.#spec, 'holds', this.#answers, said);
  }

  #config({ code, call, sidecar, detail, tNs, seq }: EventView): void {
    const event = CONFIG_EVENTS[code] as Event;
    if (event === 'cut') return this.#forget(sidecar);
    if (event === 'acked' || event === 'refused') return this.#answered(event, call, tNs, seq, sidecar);
    if (call < 0) return;
    const awaited = { event, sidecar, atNs: tNs, seq };
    this.#awaited.set(call, awaited);
    if (event === 'spoilt') this.#spoilt.set(sidecar, awaited);
    else if (detail === ENDPOINTS) this.#spoilt.delete(sidecar);
  }

  #answered(answer: Event, call: number, atNs: number, seq: number, sidecar: number): void {
    const awaited = this.#awaited.get(call);
    this.#awaited.delete(call);
    this.#answers += 1;
    if (answer === 'refused') this.#refused += 1;
    const right =
      awaited !== undefined &&
      (awaited.event === 'older' || (awaited.event === 'spoilt') === (answer === 'refused'));
    if (right || !this.#broken.add(atNs, awaited?.seq ?? -1, seq)) return;
    const what =
      awaited === undefined
        ? 'answered a response a second time'
        : answer === 'acked'
          ? 'sent an ACK for a response that cannot be used'
          : 'sent a NACK for a response that can be used';
    this.#broken.first = `Sidecar ${sidecar} ${what} at ${atTime(atNs)}.`;
  }

  #changed({ sidecar, tNs, seq }: EventView): void {
    const spoilt = this.#spoilt.get(sidecar);
    if (spoilt === undefined || !this.#broken.add(tNs, spoilt.seq, seq)) return;
    this.#broken.first = `Sidecar ${sidecar} changed its set at ${atTime(tNs)}, although what it was told last (${atTime(spoilt.atNs)}) cannot be used.`;
  }

  #forget(sidecar: number): void {
    this.#spoilt.delete(sidecar);
    for (const [call, awaited] of this.#awaited) if (awaited.sidecar === sidecar) this.#awaited.delete(call);
  }
}
