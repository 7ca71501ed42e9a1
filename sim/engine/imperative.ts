/** The mesh in the hands of an imperative body: each method plans its fault now and hands its controls to the conductor. */
import { type Duration, toNs } from '../base/units.ts';
import { scenarioError, show } from '../faults/params.ts';
import type { LoadSpec, Mesh } from '../spec/scenario.ts';
import type { Conductor } from './conductor.ts';
import { faultMenu } from './menu.ts';
import { type Plan, type PlannedFault, planFault } from './plan.ts';
import { type FullLoad, readLoad } from './validate.ts';

/** What the body does to the run besides letting time pass. */
export interface BodyHooks {
  conductor: Conductor;
  plan: Plan;
  /** Faults of the run; the body's are added here. */
  faults: PlannedFault[];
  startLoad(load: FullLoad): void;
}

export function meshFor({ conductor, plan, faults, startLoad }: BodyHooks, place: string): Mesh {
  let busy: string | null = null;
  const alone = async (what: string, work: () => Promise<void>): Promise<void> => {
    if (busy !== null) {
      throw scenarioError(
        `${what} was called while ${busy} was still going on`,
        place,
        `await ${busy} first`,
      );
    }
    busy = what;
    try {
      await work();
    } finally {
      busy = null;
    }
  };
  const menu = faultMenu((kind, target, params) =>
    alone(`mesh.${kind}()`, async () => {
      const atNs = conductor.elapsedNs;
      const where = `${place}, mesh.${kind}(${show(target)}) at ${atNs / 1e6} ms`;
      const planned = planFault(
        { kind, target, params, atMs: atNs / 1e6 },
        faults.length,
        plan.roster,
        where,
        plan.mesh,
      );
      const spare = plan.mesh.instanceNames.length - plan.roster.size;
      if (spare < 0) {
        throw scenarioError(
          `it adds more instances than the run has room for`,
          where,
          'start with more instances',
        );
      }
      faults.push(planned.fault);
      conductor.schedule(planned.controls);
      await conductor.runTo(atNs);
    }),
  );
  return {
    ...menu,
    run: (duration: Duration) =>
      alone('mesh.run()', async () => {
        let ns: number;
        try {
          ns = toNs(duration);
        } catch {
          throw scenarioError(
            `mesh.run(${show(duration)}) is not a time`,
            place,
            "write mesh.run('2s') or mesh.run(200)",
          );
        }
        await conductor.runTo(conductor.elapsedNs + ns);
      }),
    load: (load: LoadSpec) => alone('mesh.load()', async () => startLoad(readLoad(load, place))),
    get nowMs() {
      return conductor.elapsedNs / 1e6;
    },
  };
}
