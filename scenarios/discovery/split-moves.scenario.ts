// A release step by step: the control plane moves the split while calls go on, and takes the old version out at the end. Rules: DC-12.
import { check, load, scenario } from 'meshwright';

export default scenario(
  'a split moves over xDS',
  {
    shows:
      'The control plane gives the new version nothing, then half, then all of the calls, one second each: three sidecars follow, the shares over all calls are those, and no call is lost.',
    mesh: {
      services: { greeter: { instances: 4 } },
      sidecar: {
        replicas: 3,
        health: { intervalMs: 200 },
        discovery: { kind: 'xds' },
        clusters: { next: { instances: [2, 3] } },
        routes: [{ split: { default: 100, next: 0 } }],
      },
    },
    checks: [
      check.noLostRequests(),
      check.configAnswers(),
      check.split({ shares: { default: 50, next: 50 } }),
    ],
  },
  async (mesh) => {
    await mesh.load(load.open({ ratePerSecond: 300, forMs: 3_000 }));
    await mesh.run('1s');
    await mesh.xds.routes([{ split: { default: 50, next: 50 } }]);
    await mesh.run('1s');
    await mesh.xds.routes([{ cluster: 'next' }]);
    await mesh.run('1s');
  },
);
