/**
 * check.noThunderingHerd (FO-33). What was away and comes back is not run over. To one instance, and to the control plane (as streams):
 * (1) one sidecar makes at most `perSecondMax` attempts to connect in any second; (2) all sidecars together make at most `burstMax`
 * repeated ones in any `windowMs`. The first attempt after a connection was lost, or after an instance became known, comes when it
 * comes and does not count in (2), and one more connection beside others does not count at all. (3) With `rushMax`: an instance that became pickable under load has at most so many times its share,
 * by weight, of the sidecar's next 20 N first picks (N: instances pickable then); calls run where nobody is, too. (4) With `returnShareMax`: of
 * the clients that come back to a registry or a control plane after an outage at most this share asks again in any `returnWindowMs`. One client
 * makes at most `perSecondMax` attempts to watch the registry, or to register there, in any second.
 */
import { CONFIG_EVENTS, ENDPOINT_CHANGES, type EventView, Kind, REGISTRY_EVENTS } from '../journal/events.ts';
import type { CheckContext, CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { Comebacks } from './comebacks.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { limit } from './params.ts';
import { Recent } from './recent.ts';
import { type Found, Rush } from './rush.ts';
import { Stalls } from './stalls.ts';

const DIALLING = ENDPOINT_CHANGES.indexOf('dialling');
const CONNECTED = ENDPOINT_CHANGES.indexOf('connected');
const DISCONNECTED = ENDPOINT_CHANGES.indexOf('disconnected');
const ADDED = ENDPOINT_CHANGES.indexOf('added');
const OPENING = CONFIG_EVENTS.indexOf('opening');
const WATCHING = REGISTRY_EVENTS.indexOf('watching');
const REGISTERING = REGISTRY_EVENTS.indexOf('registering');
const TOLD: readonly number[] = (['told', 'late', 'older', 'spoilt'] as const).map((one) =>
  CONFIG_EVENTS.indexOf(one),
);
const SECOND_NS = 1e9;
const VIOLATIONS_MAX = 10_000;

export interface HerdParams {
  burstMax: number;
  windowMs?: number;
  perSecondMax?: number;
  rushMax?: number;
  returnShareMax?: number;
  returnWindowMs?: number;
}

export function noThunderingHerd(params: HerdParams): CheckSpec {
  const name = 'noThunderingHerd';
  const burstMax = limit(params?.burstMax, 'burstMax', name, 1, 1_000_000);
  const windowMs = limit(params.windowMs ?? 10, 'windowMs', name, 0, 60_000);
  const perSecondMax = limit(params.perSecondMax ?? 8, 'perSecondMax', name, 1, 1_000_000);
  const { rushMax, returnShareMax } = params;
  if (rushMax !== undefined) limit(rushMax, 'rushMax', name, 1, 1_000_000);
  if (returnShareMax !== undefined) limit(returnShareMax, 'returnShareMax', name, 0, 1);
  const returnWindowMs = limit(params.returnWindowMs ?? 20, 'returnWindowMs', name, 1, 60_000);
  const full = {
    ...{ burstMax, windowMs, perSecondMax },
    ...(rushMax === undefined ? {} : { rushMax }),
    ...(returnShareMax === undefined ? {} : { returnShareMax, returnWindowMs }),
  };
  const spec: CheckSpec = {
    name,
    params: full,
    start: (context) => new NoThunderingHerd(spec, full, context),
  };
  return spec;
}

type Bounds = 'burstMax' | 'windowMs' | 'perSecondMax';
type Full = Required<Pick<HerdParams, Bounds>> & Omit<HerdParams, Bounds>;

/** One thing to connect to: an instance, or the control plane. */
interface Goal {
  readonly name: string;
  readonly repeated: Recent;
  /** By sidecar: its attempts, and whether the next one is a first one. */
  readonly of: Recent[];
  readonly isFirst: boolean[];
  /** By sidecar: it has a connection; one more for its calls is no return. */
  readonly isUp: boolean[];
}

class NoThunderingHerd implements CheckRun {
  readonly kinds = [
    Kind.endpointChanged,
    Kind.config,
    Kind.registry,
    Kind.attemptSent,
    Kind.phase,
    Kind.stall,
  ];
  readonly #spec: CheckSpec;
  readonly #params: Full;
  readonly #context: CheckContext;
  readonly #goals: (Goal | undefined)[] = [];
  readonly #rush: Rush | null;
  readonly #stalls = new Stalls();
  readonly #found: Found[] = [];
  /** Null: not asked for. */
  readonly #comebacks: Comebacks | null;
  /** By client of the registry, sidecars first: its attempts to watch or to register. */
  readonly #askers: (Recent | undefined)[] = [];
  #attempts = 0;
  #repeated = 0;

  constructor(spec: CheckSpec, params: Full, context: CheckContext) {
    this.#spec = spec;
    this.#params = params;
    this.#context = context;
    this.#rush = params.rushMax === undefined ? null : new Rush(params.rushMax, context);
    const { returnShareMax, returnWindowMs = 20 } = params;
    this.#comebacks =
      returnShareMax === undefined ? null : new Comebacks(returnShareMax, returnWindowMs, context);
  }

  onEvent(event: EventView): void {
    const { instanceNames } = this.#context;
    if (event.kind === Kind.stall) return this.#stalls.add(event);
    if (event.kind === Kind.config || event.kind === Kind.registry) {
      this.#comebacks?.onEvent(event);
      return event.kind === Kind.config ? this.#configured(event) : this.#asked(event);
    }
    this.#rush?.onEvent(event);
    if (event.kind !== Kind.endpointChanged || event.instance < 0) return;
    const goal = this.#goal(event.instance, instanceNames[event.instance] ?? String(event.instance));
    if (event.code === DIALLING) {
      if (goal.isUp[event.sidecar] !== true) this.#attempted(goal, event);
    } else if (event.code === DISCONNECTED) goal.isUp[event.sidecar] = false;
    else if (event.code === CONNECTED || event.code === ADDED) {
      goal.isFirst[event.sidecar] = true;
      goal.isUp[event.sidecar] = event.code === CONNECTED;
    }
  }

  finish(): Verdict {
    const broken = new Evidence();
    let excused: string | null = null;
    this.#comebacks?.finish();
    const rushes = this.#rush?.found ?? [];
    const returns = this.#comebacks?.found ?? [];
    for (const { fromNs, toNs, said, seqs } of [...this.#found, ...rushes, ...returns]) {
      const stall = this.#stalls.within(fromNs, toNs);
      if (stall !== null) excused ??= stall;
      else if (broken.add(toNs, ...seqs)) broken.first = said;
    }
    const clients = this.#comebacks?.judged ?? 0;
    const judged = this.#repeated + (this.#rush?.judged ?? 0) + clients;
    if (broken.count > 0) {
      const more = broken.count > 1 ? ` ${broken.count} times it was too much.` : '';
      return verdictOf(this.#spec, 'violated', judged, broken.first + more, broken);
    }
    if (excused !== null)
      return verdictOf(
        this.#spec,
        'inconclusive',
        judged,
        `Many came at once, but ${excused}: it cannot be told.`,
      );
    if (judged === 0)
      return verdictOf(
        this.#spec,
        'not exercised',
        0,
        'Nobody had to try again to connect, and nobody came back.',
      );
    const rushed =
      this.#rush === null ? '' : `; ${counted(this.#rush.judged, 'return')} without a rush of calls`;
    const back = clients === 0 ? '' : `; ${clients} clients came back one after the other`;
    const said = `${counted(this.#attempts, 'attempt')} to connect, ${this.#repeated} of them repeated: spread in time and bounded${rushed}${back}.`;
    return verdictOf(this.#spec, 'holds', judged, said);
  }

  #configured(event: EventView): void {
    const plane = this.#goal(this.#context.instanceNames.length, 'the control plane');
    if (event.code === OPENING) this.#attempted(plane, event);
    else if (TOLD.includes(event.code)) plane.isFirst[event.sidecar] = true;
  }

  #asked(event: EventView): void {
    const { code, sidecar, instance, tNs } = event;
    const isWatch = code === WATCHING;
    if (!isWatch && code !== REGISTERING) return;
    const { perSecondMax } = this.#params;
    const client = isWatch ? sidecar : this.#context.sidecars + instance;
    const often = (this.#askers[client] ??= new Recent(perSecondMax)).add(event, SECOND_NS);
    if (often === null) return;
    const who = isWatch ? `Sidecar ${sidecar}` : this.#context.instanceNames[instance];
    const what = isWatch ? 'a watch' : 'a lease';
    const said = `${who} asked the registry for ${what} more than ${perSecondMax} times in the second up to ${atTime(tNs)}.`;
    this.#note(often, tNs, said);
  }

  #goal(index: number, name: string): Goal {
    const { burstMax, perSecondMax } = this.#params;
    return (this.#goals[index] ??= {
      name,
      repeated: new Recent(burstMax),
      of: Array.from({ length: this.#context.sidecars }, () => new Recent(perSecondMax)),
      isFirst: Array.from({ length: this.#context.sidecars }, () => true),
      isUp: Array.from({ length: this.#context.sidecars }, () => false),
    });
  }

  #attempted(goal: Goal, event: EventView): void {
    const { sidecar, tNs } = event;
    const { burstMax, windowMs, perSecondMax } = this.#params;
    this.#attempts += 1;
    const often = goal.of[sidecar]?.add(event, SECOND_NS) ?? null;
    if (often !== null)
      this.#note(
        often,
        tNs,
        `Sidecar ${sidecar} tried to connect to ${goal.name} more than ${perSecondMax} times in the second up to ${atTime(tNs)}.`,
      );
    const isFirst = goal.isFirst[sidecar];
    goal.isFirst[sidecar] = false;
    if (isFirst === true) return;
    this.#repeated += 1;
    const many = goal.repeated.add(event, windowMs * 1e6);
    if (many !== null)
      this.#note(
        many,
        tNs,
        `More than ${burstMax} repeated attempts to connect to ${goal.name} came within ${atTime(tNs - many.fromNs)} up to ${atTime(tNs)}.`,
      );
  }

  #note({ fromNs, seqs }: { fromNs: number; seqs: readonly number[] }, toNs: number, said: string): void {
    if (this.#found.length < VIOLATIONS_MAX) this.#found.push({ fromNs, toNs, said, seqs });
  }
}
