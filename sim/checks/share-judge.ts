/**
 * Judges where first picks go against the share that each group of endpoints should get. Per sidecar, while no share changes: after n
 * picks a part (one group or several) has had n × its share, give or take `errorMax`, at every moment; one whose share is 0 gets none.
 */
import { type EventView, Kind } from '../journal/events.ts';
import type { CheckContext, CheckRun, CheckSpec, Verdict } from '../spec/check.ts';
import { type GroupSettings, groupSettings, ownFacts } from '../spec/balancer.ts';
import { EndpointView, type Group } from './endpoint-view.ts';
import { atTime, counted, Evidence, verdictOf } from './evidence.ts';
import { expectedShares } from './group-shares.ts';

/** As Kind.phase has it. */
const LOAD_ENDS = 1;

/** What a check divides calls by. */
export interface Parts {
  /** Groups with one name are one part. */
  nameOf(group: Group): string;
  /** Whether a pick among these groups could go wrong in the way that the check is about. `shares` by group. */
  isTold(groups: readonly Group[], shares: readonly number[]): boolean;
  /** Why nothing was shown. */
  nothing: string;
  /** Of picks and their number: how they went. */
  held: string;
}

/** One sidecar: what it says, what should come of it, and what it picked since that changed. */
class Ledger {
  readonly view: EndpointView;
  /** By part; empty while they cannot be told. */
  shares: number[] = [];
  readonly counts: number[];
  picks = 0;
  isStale = true;
  isTold = false;

  constructor(view: EndpointView, parts: number) {
    this.view = view;
    this.counts = Array.from({ length: parts }, () => 0);
  }
}

export class ShareJudge implements CheckRun {
  readonly kinds = [Kind.attemptSent, Kind.endpointChanged, Kind.phase];
  readonly #spec: CheckSpec;
  readonly #parts: Parts;
  readonly #errorMax: number;
  readonly #context: CheckContext;
  readonly #settings: GroupSettings;
  readonly #ledgers: (Ledger | undefined)[] = [];
  /** Names of parts, and by group which it is in. */
  readonly #names: string[];
  readonly #partOf: number[];
  readonly #broken = new Evidence();
  #exercised = 0;
  #worst = 0;
  /** Picks of the first part, and how often it got all again after others had some. */
  #first = 0;
  #returns = 0;

  constructor(spec: CheckSpec, parts: Parts, errorMax: number, context: CheckContext) {
    this.#spec = spec;
    this.#parts = parts;
    this.#errorMax = errorMax;
    this.#context = context;
    this.#settings = groupSettings(context.sidecar?.balancer);
    const names = this.#view().groups.map((group) => parts.nameOf(group));
    this.#names = [...new Set(names)];
    this.#partOf = names.map((name) => this.#names.indexOf(name));
  }

  onEvent(event: EventView): void {
    if (event.kind === Kind.phase) {
      if (event.code === LOAD_ENDS)
        this.#ledgers.forEach((ledger, sidecar) => ledger && this.#close(ledger, { ...event, sidecar }));
      return;
    }
    const ledger = (this.#ledgers[event.sidecar] ??= new Ledger(this.#view(), this.#names.length));
    if (event.kind === Kind.endpointChanged) {
      if (ledger.view.change(event)) ledger.isStale = true;
    } else if (event.detail === 1 && ledger.view.isPickable(event.instance)) this.#pick(ledger, event);
  }

  finish(): Verdict {
    const broken = this.#broken;
    const worst = `${this.#worst.toFixed(2)} picks`;
    if (broken.count > 0) {
      const more =
        broken.count > 1 ? ` So ${counted(broken.count, 'time')}, ${worst} from a share at worst.` : '';
      return verdictOf(this.#spec, 'violated', this.#exercised, `${broken.first}.${more}`, broken);
    }
    if (this.#exercised === 0) return verdictOf(this.#spec, 'not exercised', 0, this.#parts.nothing);
    const others = this.#exercised - this.#first;
    const back = this.#returns > 0 ? `, and it got all again ${counted(this.#returns, 'time')}` : '';
    const said =
      `${counted(this.#exercised, 'pick')} ${this.#parts.held}, never more than ${worst} from their share; ` +
      `${others} went elsewhere than to ${this.#names[0]}${back}.`;
    return verdictOf(this.#spec, 'holds', this.#exercised, said);
  }

  #view(): EndpointView {
    const { instanceNames, groups = [] } = this.#context;
    return new EndpointView(instanceNames.length, groups, this.#settings);
  }

  #pick(ledger: Ledger, event: EventView): void {
    if (ledger.isStale) this.#renew(ledger, event);
    const { shares, counts, view } = ledger;
    if (shares.length === 0) return;
    const part = this.#partOf[view.groupOf[event.instance] as number] as number;
    if (ledger.isTold) {
      this.#exercised += 1;
      if (part === 0) this.#first += 1;
    }
    if (shares[part] === 0) return this.#stray(ledger, part, event);
    this.#judge(ledger, part, event);
    ledger.picks += 1;
    counts[part] = (counts[part] as number) + 1;
    this.#judge(ledger, part, event);
  }

  /** Works the shares out anew; what was counted before is over where one of them changed. */
  #renew(ledger: Ledger, event: EventView): void {
    const { view, shares: before } = ledger;
    ledger.isStale = false;
    const own = ownFacts(this.#context.sidecar?.localities, event.sidecar).ownLocality;
    const byGroup = view.isClear ? expectedShares(view.groups, this.#settings, own) : [];
    ledger.isTold = this.#parts.isTold(view.groups, byGroup);
    const shares = byGroup.length === 0 ? [] : this.#names.map(() => 0);
    byGroup.forEach((share, group) => {
      const part = this.#partOf[group] as number;
      shares[part] = (shares[part] as number) + share;
    });
    if (shares.length === before.length && shares.every((share, part) => isSame(share, before[part]))) return;
    this.#close(ledger, event);
    if (isSame(shares[0], 1) && before.length > 0 && ledger.picks > 0) this.#returns += 1;
    ledger.shares = shares;
    ledger.picks = 0;
    ledger.counts.fill(0);
  }

  /** Those that were not picked lately are judged, too. */
  #close(ledger: Ledger, event: EventView): void {
    ledger.shares.forEach((_share, part) => this.#judge(ledger, part, event));
  }

  #judge(ledger: Ledger, part: number, event: EventView): void {
    const share = ledger.shares[part] as number;
    const due = ledger.picks * share;
    const count = ledger.counts[part] as number;
    const error = Math.abs(count - due);
    if (error > this.#worst) this.#worst = error;
    if (error <= this.#errorMax || !this.#broken.add(event.tNs, event.seq)) return;
    this.#broken.first =
      `At ${atTime(event.tNs)} sidecar ${event.sidecar} had sent ${count} of ${ledger.picks} calls to ${this.#names[part]}, ` +
      `where a share of ${(100 * share).toFixed(1)} % makes it ${due.toFixed(1)} (${this.#told(ledger.view)})`;
  }

  #stray(ledger: Ledger, part: number, event: EventView): void {
    if (!this.#broken.add(event.tNs, event.seq)) return;
    const name = this.#context.instanceNames[event.instance] ?? String(event.instance);
    this.#broken.first =
      `At ${atTime(event.tNs)} sidecar ${event.sidecar} sent a call to ${name} of ${this.#names[part]}, ` +
      `which should get none (${this.#told(ledger.view)})`;
  }

  /** 'priority 0: 2 of 3 well, priority 1: 2 of 2 well'. */
  #told({ groups }: EndpointView): string {
    const sums = this.#names.map(() => ({ well: 0, total: 0 }));
    groups.forEach(({ well, total }, group) => {
      const sum = sums[this.#partOf[group] as number] as { well: number; total: number };
      sum.well += well;
      sum.total += total;
    });
    return sums.map(({ well, total }, part) => `${this.#names[part]}: ${well} of ${total} well`).join(', ');
  }
}

function isSame(one: number | undefined, other: number | undefined): boolean {
  return one !== undefined && other !== undefined && Math.abs(one - other) < 1e-9;
}
