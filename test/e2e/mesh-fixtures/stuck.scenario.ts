/** A scenario that keeps its thread for ever: asked to stop, it does not even answer. */
import { writeSync } from 'node:fs';
import { check, load, scenario } from 'meshwright';

scenario(
  'a thread that never comes back',
  { mesh: { services: { greeter: { instances: 2 } } }, checks: [check.retryAmplification({ max: 3 })] },
  async (mesh) => {
    await mesh.load(load.open({ ratePerSecond: 50, forMs: 1_000 }));
    await mesh.run(200);
    // What console.log says would wait for this thread.
    writeSync(1, 'stuck\n');
    for (;;);
  },
);
