/**
 * check.priorityFailover (LB-20). Per sidecar, by what it says of its endpoints, over first picks while no share changes: `envoy`: a
 * priority gets the part of all calls that its share of well members × `overprovisioning` can bear, and the next what is left over (where
 * all together cannot bear 1, in proportion). `a56`: the first priority in which anyone is well gets all. After n picks a priority has had
 * its share, give or take `errorMax` picks, at every moment; one whose share is 0 gets none: before the better one falls short, and
 * again once it is well. Not judged while an endpoint that joined has not shown yet whether it is well.
 */
import type { CheckSpec } from '../spec/check.ts';
import { limit } from './params.ts';
import { type Parts, ShareJudge } from './share-judge.ts';

const BY_PRIORITY: Parts = {
  nameOf: ({ priority }) => `priority ${priority}`,
  isTold: (groups) => {
    const best = groups.find(({ total }) => total > 0)?.priority;
    const isShort = groups.some(({ priority, well, total }) => priority === best && well < total);
    return isShort && groups.some(({ priority, well }) => priority !== best && well > 0);
  },
  nothing: 'No priority fell short of health while another could have borne its calls.',
  held: 'by priority while the best fell short',
};

/** The dialect is the balancer's `priorities`. */
export function priorityFailover(params: { errorMax?: number } = {}): CheckSpec {
  const errorMax = limit(params.errorMax ?? 5, 'errorMax', 'priorityFailover', 0.01, 1_000_000);
  const spec: CheckSpec = {
    name: 'priorityFailover',
    params: { errorMax },
    start: (context) => new ShareJudge(spec, BY_PRIORITY, errorMax, context),
  };
  return spec;
}
