/** The public entry `meshwright`: what a scenario file imports. */
export { fault } from './engine/fault.ts';
export { type RunOptions, runScenario } from './engine/run.ts';
export type { Progress } from './engine/attempt.ts';
export { toSource } from './engine/to-source.ts';
export { scenario } from './engine/scenario.ts';
export { load } from './engine/load.ts';
export { check } from './checks/index.ts';
export { RULES } from './rules/index.ts';
export type { Rule, RuleKind } from './rules/index.ts';
export { MeshwrightError } from './base/errors.ts';
export type { Duration } from './base/units.ts';
export type { CheckContext, CheckRun, CheckSpec, Outcome, Verdict } from './spec/check.ts';
export type { EventView } from './journal/events.ts';
export type { RunRecord, ScenarioRecord } from './spec/run-record.ts';
export type {
  FaultClock,
  FaultMenu,
  FaultSpec,
  Latency,
  LoadSpec,
  Mesh,
  MeshSpec,
  Scenario,
  ScenarioBody,
  ScenarioSpec,
  ServiceSpec,
  SidecarSpec,
  Target,
} from './spec/scenario.ts';
