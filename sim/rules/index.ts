/** The catalogue: what a gRPC sidecar must keep, all rules in one list, group by group. */
import { BALANCING } from './balancing.ts';
import { DISCOVERY } from './discovery.ts';
import { FAILOVER } from './failover.ts';
import { LIFECYCLE } from './lifecycle.ts';
import { MESSAGES } from './messages.ts';
import { OVERLOAD } from './overload.ts';
import { SECURITY } from './security.ts';
import { TELEMETRY } from './telemetry.ts';
import type { Rule } from './rule.ts';

export type { Rule, RuleKind } from './rule.ts';

export const RULES: readonly Rule[] = [
  ...MESSAGES,
  ...BALANCING,
  ...DISCOVERY,
  ...FAILOVER,
  ...OVERLOAD,
  ...LIFECYCLE,
  ...SECURITY,
  ...TELEMETRY,
];
