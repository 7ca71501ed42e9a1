/** Reads what a scenario says about clusters and routes: what leads nowhere is refused before the run, with what was meant. */
import { scenarioError, show } from '../faults/params.ts';
import type { SidecarSpec } from '../spec/scenario.ts';
import { whyUntellable } from '../plane/mesh-plan.ts';
import { clustersOfInstance, DEFAULT_CLUSTER, type RouteSpec, type RoutingSpec } from '../spec/routing.ts';

const TARGETS_MAX = 1_000;

/** `instances`: how many there are at the start. */
export function readRouting({ clusters = {}, routes }: RoutingSpec, instances: number, place: string): void {
  const names = Object.keys(clusters);
  if (routes === undefined) {
    if (names.length === 0) return;
    throw scenarioError('no route leads to a cluster', `${place}.clusters`, 'add routes');
  }
  const taken = new Set<number>();
  for (const [name, { instances: own }] of Object.entries(clusters)) {
    const at = `${place}.clusters.${name}`;
    if (!/^[A-Za-z0-9][\w.-]{0,62}$/.test(name) || name === DEFAULT_CLUSTER) {
      throw scenarioError(
        `'${name}' cannot name a cluster`,
        at,
        'use letters, digits, dots, dashes; default is taken',
      );
    }
    if (!Array.isArray(own) || own.length === 0)
      throw scenarioError('it has no instances', at, 'list their numbers');
    for (const [index, instance] of (own as readonly unknown[]).entries()) {
      if (!Number.isInteger(instance) || Number(instance) < 0 || Number(instance) >= instances) {
        throw scenarioError(`there is no instance ${show(instance)}`, at, `there are 0 to ${instances - 1}`);
      }
      if (own.indexOf(instance as number) < index)
        throw scenarioError(`instance ${show(instance)} stands there twice`, at, 'list it once');
      taken.add(Number(instance));
    }
  }
  const known = taken.size < instances ? [DEFAULT_CLUSTER, ...names] : names;
  if (routes.length === 0) throw scenarioError('no route leads to a cluster', `${place}.routes`, 'add one');
  routes.forEach((route, index) => readRoute(route, known, `${place}.routes.${index}`));
}

/** What a control plane has to tell at the start: xDS must have words for it, and every cluster must be in it. */
export function readTold(sidecar: SidecarSpec, place: string): void {
  refuseUntellable(sidecar, sidecar.routes, place);
  if (sidecar.routes === undefined) return;
  const named = new Set(
    sidecar.routes.flatMap(({ cluster, split, mirror }) => [
      cluster,
      ...Object.keys(split ?? {}),
      mirror?.cluster,
    ]),
  );
  const idle = Object.keys(sidecar.clusters ?? {}).find((name) => !named.has(name));
  if (idle === undefined) return;
  throw scenarioError(`no route leads to the cluster ${idle}`, place, 'give it a weight of 0 in a split');
}

/** Other routes at run time, between the clusters of the start. */
export function readReroute(
  { sidecar, instances }: { sidecar: SidecarSpec; instances: number },
  { routes }: Pick<RoutingSpec, 'routes'>,
  place: string,
): void {
  if (sidecar.routes === undefined)
    throw scenarioError('there are no routes to replace', place, 'write mesh: { sidecar: { routes } }');
  readRouting(
    { ...(sidecar.clusters && { clusters: sidecar.clusters }), routes: routes ?? [] },
    instances,
    place,
  );
  refuseUntellable(sidecar, routes, place);
}

/** An instance that leaves one cluster must be in it. */
export function readListing(
  sidecar: SidecarSpec,
  { instance, cluster }: { instance: number; cluster: string },
  place: string,
): void {
  const known = clustersOfInstance(sidecar, instance);
  if (known.includes(cluster)) return;
  const remedy = `it is in ${known.join(', ')}`;
  throw scenarioError(`the instance is not in the cluster ${show(cluster)}`, place, remedy);
}

function refuseUntellable(sidecar: SidecarSpec, routes: SidecarSpec['routes'], place: string): void {
  const why = whyUntellable(sidecar, routes);
  if (why !== null) throw scenarioError(why, place, 'the sidecars follow a control plane: say it otherwise');
}

function readRoute(route: RouteSpec, known: readonly string[], place: string): void {
  const { cluster, split, mirror } = route;
  if ((cluster === undefined) === (split === undefined)) {
    throw scenarioError(
      'it leads nowhere, or has both cluster and split',
      place,
      'give either cluster or split',
    );
  }
  const weights = split ?? { [cluster as string]: 1 };
  const targets = [...Object.keys(weights), ...(mirror === undefined ? [] : [mirror.cluster])];
  for (const target of targets) {
    if (known.includes(target)) continue;
    throw scenarioError(`there is no cluster ${show(target)}`, place, `clusters are ${known.join(', ')}`);
  }
  const isWeight = (weight: unknown): boolean => Number.isInteger(weight) && Number(weight) >= 0;
  if (!Object.values(weights).every(isWeight) || targets.length > TARGETS_MAX) {
    throw scenarioError(`'split' is ${show(split)}`, place, 'give whole weights, 0 or more');
  }
  if (!Object.values(weights).some((weight) => weight > 0)) {
    throw scenarioError('all weights of the split are 0', place, 'give at least one a weight above 0');
  }
  const { share = 1, concurrentMax = 1 } = mirror ?? {};
  if (!(share > 0 && share <= 1))
    throw scenarioError(`'share' is ${show(share)}`, place, 'give a share above 0, at most 1');
  if (!Number.isInteger(concurrentMax) || concurrentMax < 1) {
    throw scenarioError(`'concurrentMax' is ${show(concurrentMax)}`, place, 'give a whole number from 1');
  }
}
