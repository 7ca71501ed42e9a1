/** The balancer that a configuration names, within each group of endpoints where priorities or localities count. */
import type { Balancer, BalancerMember } from './balancer.ts';
import type { BalancerConfig } from './config.ts';
import { Grouped, type GroupMember } from './grouped.ts';
import { LearnedWeights } from './learned-weights.ts';
import { LeastRequest } from './least-request.ts';
import { Maglev } from './maglev.ts';
import { P2cEwma } from './p2c-ewma.ts';
import { PickFirst } from './pick-first.ts';
import { RandomPick } from './random.ts';
import { RingHash } from './ring-hash.ts';
import { RoundRobin } from './round-robin.ts';
import { SlowStart } from './slow-start.ts';
import { WeightedRoundRobin } from './weighted-round-robin.ts';

/** `random`: uniform in [0, 1). */
export function makeBalancer<M extends BalancerMember>(
  config: BalancerConfig,
  random: () => number,
): Balancer<M> {
  switch (config.name) {
    case 'round_robin':
      return new RoundRobin<M>(random());
    case 'weighted_round_robin':
      return new WeightedRoundRobin<M>(
        config.loadReports ? new LearnedWeights<M>(config) : slowStart(config),
        random,
      );
    case 'least_request':
      return new LeastRequest<M>(config.choices, slowStart(config), random);
    case 'p2c_ewma':
      return new P2cEwma<M>(config, random);
    case 'ring_hash':
      return new RingHash<M>(config);
    case 'maglev':
      return new Maglev<M>(config.tableSize);
    case 'pick_first':
      return new PickFirst<M>();
    case 'random':
      return new RandomPick<M>(random);
  }
}

/** Null where neither priorities nor localities count. */
export function makeGroups<M extends GroupMember>(
  config: BalancerConfig,
  random: () => number,
): Grouped<M> | null {
  if (config.priorities === 'ignore' && config.localities === 'ignore') return null;
  return new Grouped<M>(config, () => makeBalancer<M>(config, random), random());
}

function slowStart<M extends BalancerMember>(config: BalancerConfig): SlowStart<M> {
  return new SlowStart<M>(config.slowStartMs, config.slowStartFloor);
}
