// The smallest scenario, and the one that measures what the sidecar costs (real world).
import { check, load, scenario } from 'meshwright';

export default scenario('hello through the sidecar', {
  shows:
    'One server, one sidecar: every call is answered "Hello, World", and what the sidecar adds is measured.',
  mesh: { services: { greeter: { instances: 1 } } },
  load: load.open({ ratePerSecond: 150, directShare: 0.4, forMs: 3_000 }),
  checks: [
    check.replies({ message: 'Hello, World' }),
    check.noLostRequests(),
    check.overhead({ addedP50MsMax: 10, cpuUsPerCallMax: 5_000 }),
  ],
});
