/** Throws on purpose at the hook that THROW_AT names: in the scenario's own code, in a check, or beside both. */
import { check, load, scenario } from 'meshwright';
import type { CheckSpec } from 'meshwright';

const at = process.env['THROW_AT'] ?? '';
const hook = (name: string): void => {
  if (name === at) throw new RangeError(`deliberate at ${name}`);
};

const own: CheckSpec = {
  name: 'own',
  params: {},
  start: () => {
    hook('check start');
    return {
      kinds: [0, 1, 2, 3] as never,
      onEvent: () => hook('check event'),
      finish: () => {
        hook('check finish');
        throw new Error('this check is only for throwing');
      },
    };
  },
};

hook('load of the file');
scenario(
  'throws on purpose',
  {
    mesh: { services: { greeter: { instances: 2 } } },
    load: load.open({ ratePerSecond: 50, forMs: 600 }),
    faults: (time) => {
      hook('faults');
      return [time('100ms').kill('greeter/0')];
    },
    checks: at.startsWith('check') ? [own] : [check.noLostRequests()],
  },
  at.startsWith('body') || at.startsWith('timer') || at.startsWith('rejection')
    ? async (mesh) => {
        hook('body begins');
        if (at === 'timer') setTimeout(() => hook('timer'), 50);
        if (at === 'rejection') void Promise.reject(new RangeError('deliberate at rejection'));
        await mesh.run('300ms');
        hook('body in the middle');
      }
    : undefined,
);
