/** A run that says where it is, so that a test can interrupt it there. */
import { check, load, scenario } from 'meshwright';

scenario(
  'phases of a run',
  { mesh: { services: { greeter: { instances: 3 } } }, checks: [check.retryAmplification({ max: 3 })] },
  async (mesh) => {
    await mesh.load(load.open({ ratePerSecond: 50, forMs: 2_500, deadlineMs: 1_500 }));
    await mesh.run(200);
    console.log('phase load');
    await mesh.run(300);
    await mesh.kill('greeter/1');
    await mesh.pause('greeter/2', { for: '500ms' });
    console.log('phase fault');
    await mesh.run(1_000);
    await mesh.blackhole('greeter/0', { for: '60s' });
    await mesh.blackhole('greeter/2', { for: '60s' });
    await mesh.run(900);
    console.log('phase settle');
  },
);
