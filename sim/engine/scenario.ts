/** `scenario()`: what a scenario file calls. It validates the words, and inside vitest it registers the test. */
import { scenarioError, show } from '../faults/params.ts';
import type { Scenario, ScenarioBody, ScenarioSpec } from '../spec/scenario.ts';
import { noLostRequests } from '../checks/no-lost-requests.ts';
import { callerFile } from './caller-file.ts';
import { planScenario } from './plan.ts';
import { registerWithVitest } from './vitest-bridge.ts';

/** What an imperative scenario gets when it names no mesh of its own. */
const PLAIN_SPEC: ScenarioSpec<'greeter'> = {
  mesh: { services: { greeter: { instances: 3 } } },
  checks: [noLostRequests()],
};

/**
 * Declares a scenario: `scenario(name, spec)`, `scenario(name, spec, body)` or `scenario(name, body)` (three greeters,
 * no call may be lost). Inside vitest it becomes a test per world; everywhere it returns the scenario, for `runScenario`.
 * Throws MeshwrightError MW_SCENARIO for anything in it that cannot be run.
 */
export function scenario<const S extends string>(
  name: string,
  spec: ScenarioSpec<S>,
  body?: ScenarioBody<S>,
): Scenario<S>;
export function scenario(name: string, body: ScenarioBody<'greeter'>): Scenario<'greeter'>;
export function scenario(
  name: string,
  specOrBody: ScenarioSpec | ScenarioBody<'greeter'>,
  body?: ScenarioBody,
): Scenario {
  const made = defineScenario(name, specOrBody, body);
  registerWithVitest(made);
  return made;
}

/** As `scenario`, but never registers a test. */
export function defineScenario(
  name: string,
  specOrBody: ScenarioSpec | ScenarioBody<'greeter'>,
  body?: ScenarioBody,
): Scenario {
  const file = callerFile();
  if (typeof name !== 'string' || name.trim() === '') {
    throw scenarioError(
      `a scenario's name is ${show(name)}`,
      file ?? 'scenario()',
      'give it a name that says what must hold',
    );
  }
  const place = `scenario '${name}'`;
  const made: Scenario =
    typeof specOrBody === 'function'
      ? { name, spec: PLAIN_SPEC, body: specOrBody as ScenarioBody, file }
      : { name, spec: specOrBody, body: body ?? null, file };
  if (made.body !== null && typeof made.body !== 'function') {
    throw scenarioError('the body is not a function', place, 'write async (mesh) => { … }');
  }
  planScenario(made);
  return made;
}
