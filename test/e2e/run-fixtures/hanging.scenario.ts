/** Never ends by itself; for --timeout. */
import { check, scenario } from 'meshwright';

const mesh = { services: { greeter: { instances: 1 } } };

export default scenario('never ends', { mesh, checks: [check.noLostRequests()] }, async () => {
  await new Promise(() => undefined);
});
