/**
 * check.localityShare (LB-21). Per sidecar, by what it says of its endpoints, over first picks while no share changes, within each
 * priority: `weighted`: a locality gets calls by its weight × what its share of well members × `overprovisioning` can bear (1 at most).
 * `nearest`: the sidecar's own locality keeps min(1, its members ÷ a part) of the calls, a part being all members ÷ localities; the rest
 * goes to localities with more than a part, in proportion to what they have more. After n picks a locality has had its share, give or take
 * `errorMax` picks, at every moment; one whose share is 0 gets none. Not judged while an endpoint that joined has not shown yet whether it is well.
 */
import { groupSettings } from '../spec/balancer.ts';
import type { CheckSpec } from '../spec/check.ts';
import { limit } from './params.ts';
import { type Parts, ShareJudge } from './share-judge.ts';

/** `areHeeded`: the balancer goes by localities. */
function byLocality(areHeeded: boolean): Parts {
  return {
    nameOf: ({ priority, locality }) => {
      const name = locality === '' ? 'no locality' : `locality ${locality}`;
      return priority === 0 ? name : `${name} of priority ${priority}`;
    },
    isTold: (groups, shares) =>
      areHeeded &&
      groups.some((one, at) =>
        groups.some(
          (other) =>
            one !== other &&
            one.priority === other.priority &&
            other.pickable > 0 &&
            (shares[at] as number) > 0,
        ),
      ),
    nothing: areHeeded
      ? 'No sidecar could choose between two localities.'
      : "The sidecar's balancer does not go by localities.",
    held: 'by locality',
  };
}

/** The mode is the balancer's `localities`. */
export function localityShare(params: { errorMax?: number } = {}): CheckSpec {
  const errorMax = limit(params.errorMax ?? 5, 'errorMax', 'localityShare', 0.01, 1_000_000);
  const spec: CheckSpec = {
    name: 'localityShare',
    params: { errorMax },
    start: (context) => {
      const areHeeded = groupSettings(context.sidecar?.balancer).localities !== 'ignore';
      return new ShareJudge(spec, byLocality(areHeeded), errorMax, context);
    },
  };
  return spec;
}
