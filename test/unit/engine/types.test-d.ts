/** What an editor must refuse and complete in a scenario file. Compiled by `npm run typecheck`; nothing here runs. */
import { check, load, scenario, type Duration, type FaultMenu } from 'meshwright';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const yes = <T extends true>(..._said: T[]): void => undefined;

const mesh = { services: { greeter: { instances: 3 } } } as const;
const checks = [check.noLostRequests()];
const forMs = 1_000;

// Fault names are completed: exactly these.
type FaultNames =
  | 'kill'
  | 'restart'
  | 'pause'
  | 'add'
  | 'remove'
  | 'drain'
  | 'relist'
  | 'latency'
  | 'failStatus'
  | 'blackhole'
  | 'resetConnections'
  | 'bandwidth'
  | 'partition'
  | 'sidecar'
  | 'xds'
  | 'registry';
yes<Equal<keyof FaultMenu<'greeter'>, FaultNames>>();

// Targets are completed from the names of the mesh's services.
yes<Equal<Parameters<FaultMenu<'greeter'>['kill']>[0], `greeter/${number}` | 'greeter/*'>>();

// Durations: a number of ms, or a number with a unit.
const durations: Duration[] = [200, '200ms', '2s', '1.5s', '1m', '500us'];

scenario('all of this is right', {
  mesh,
  load: load.open({ ratePerSecond: 100, forMs }),
  faults: (at) => [
    at('1s').kill('greeter/1'),
    at(durations[0] ?? 0).latency('greeter/*', { add: '20ms', for: 500 }),
    at(1).failStatus('greeter/0', { status: 14, share: 0.5 }),
    at(2).add('greeter', { count: 2 }),
  ],
  checks,
});

scenario('all of this is wrong', {
  mesh,
  load: load.open({ ratePerSecond: 100, forMs }),
  faults: (at) => [
    // @ts-expect-error no such unit
    at('2 hours').kill('greeter/1'),
    // @ts-expect-error no such unit
    at('2sec').kill('greeter/1'),
    // @ts-expect-error no such service
    at('2s').kill('biller/1'),
    // @ts-expect-error an instance has a number
    at('2s').kill('greeter/first'),
    // @ts-expect-error a target is an instance, not a service
    at('2s').kill('greeter'),
    // @ts-expect-error `add` takes the service
    at('2s').add('greeter/1'),
    // @ts-expect-error no such fault
    at('2s').explode('greeter/1'),
    // @ts-expect-error `add` is missing
    at('2s').latency('greeter/1', {}),
    // @ts-expect-error its name is `for`
    at('2s').pause('greeter/1', { forMs: 200 }),
    // @ts-expect-error no such unit
    at('2s').pause('greeter/1', { for: '1h' }),
    // @ts-expect-error a status is a number
    at('2s').failStatus('greeter/1', { status: 'UNAVAILABLE' }),
  ],
  checks,
});

scenario('by hand', async (it) => {
  await it.run('2s');
  await it.kill('greeter/1');
  // @ts-expect-error no such unit
  await it.run('2 sec');
  // @ts-expect-error no such service
  await it.kill('biller/1');
});

// @ts-expect-error loads of milliseconds are plain numbers, named so
load.open({ ratePerSecond: 100, forMs: '2s' });
// @ts-expect-error the rate is missing
load.open({ forMs });
// @ts-expect-error clients, not a rate
load.closed({ ratePerSecond: 100, forMs });
// @ts-expect-error its name is `withinMs`
check.failover({ within: '500ms' });
// @ts-expect-error no such balancer
scenario('balancer', { mesh: { ...mesh, sidecar: { balancer: 'fastest' } }, checks });
// @ts-expect-error no checks
scenario('no checks', { mesh, load: load.open({ ratePerSecond: 1, forMs }) });
