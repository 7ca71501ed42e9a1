/** One rule of the catalogue. Ids are for ever: tests, scenarios and comments name them, so a rule that falls away leaves its number unused. */

export type RuleKind =
  | 'balancing'
  | 'cancel'
  | 'deadline'
  | 'discovery'
  | 'ejection'
  | 'failover'
  | 'flow'
  | 'health'
  | 'hedging'
  | 'lifecycle'
  | 'limits'
  | 'messages'
  | 'metadata'
  | 'observability'
  | 'overload'
  | 'retry'
  | 'security'
  | 'wire';

export interface Rule {
  /** Two letters for the group, two digits: `FO-05`. */
  readonly id: string;
  readonly kind: RuleKind;
  /** What must hold, in one sentence. */
  readonly rule: string;
  /** Where it comes from: sections of RFCs, gRFCs, pages of a proxy's documentation by name. */
  readonly source: string;
  /** Where implementations of good standing disagree, so that a check has to be told which one it judges. */
  readonly dialects?: string;
}
