/** Every fault: what it does when, what it refuses, and by which events the journal shows that it had an effect. */
import { describe, expect, test } from 'vitest';
import type { FaultDefinition } from '../../../sim/faults/definition.ts';
import { FAULT_KINDS, FAULTS } from '../../../sim/faults/index.ts';
import {
  ATTEMPT_ENDS,
  CONFIG_EVENTS,
  ENDPOINT_CHANGES,
  type EventView,
  INSTANCE_STATES,
  Kind,
  MEMBER_STATES,
  SIDECAR_STATES,
} from '../../../sim/journal/events.ts';

type Params = Record<string, unknown>;

const definitionOf = (kind: string): FaultDefinition => {
  const found = FAULTS.find((one) => one.kind === kind);
  if (found === undefined) throw new Error(`no fault ${kind}`);
  return found;
};

/** 'ms op detail' per step; '!' marks the one that heals. */
function stepsOf(kind: string, params: Params, site: { dead?: boolean; turn?: number } = {}): string[] {
  const definition = definitionOf(kind);
  const parsed = definition.parse(params, 'here') as never;
  return definition
    .steps(parsed, { instance: 4, sidecar: -1, fault: 7, dead: false, turn: 0, ...site })
    .map(({ afterNs, control, heals }) => {
      expect(control.instance).toBe(4);
      if ('fault' in control) expect(control.fault).toBe(7);
      const detail =
        control.op === 'member'
          ? control.state
          : control.op === 'network'
            ? JSON.stringify(control.effect)
            : control.op === 'fail'
              ? JSON.stringify(control.rule)
              : control.op === 'list'
                ? `${control.cluster} ${control.listed}`
                : '';
      return `${afterNs / 1e6} ${control.op} ${detail}`.trim() + (heals === true ? '!' : '');
    });
}

test('the codes of faults in journals never change', () => {
  expect(FAULT_KINDS).toEqual([
    ...['kill', 'restart', 'pause', 'add', 'remove', 'drain', 'latency', 'failStatus', 'blackhole'],
    ...['resetConnections', 'bandwidth', 'partition'],
    ...['sidecar.drain', 'sidecar.reload', 'sidecar.hotRestart', 'sidecar.crash'],
    ...['xds.delay', 'xds.nack', 'xds.drop', 'xds.reorder', 'xds.silence'],
    ...['registry.crash', 'registry.mute', 'relist', 'xds.pin', 'xds.routes'],
  ]);
});

const RULE = { status: 14, share: 1, method: null, afterHeaders: false };

describe('steps', () => {
  test.each<[string, Params, string[]]>([
    ['kill', {}, ['0 kill']],
    ['pause', { for: '2s' }, ['0 pause', '2000 resume!']],
    ['add', { count: 3 }, ['0 start!']],
    ['remove', {}, ['0 member removed', '300 stop!']],
    ['drain', {}, ['0 member draining', '500 stop', '600 member removed!']],
    ['relist', {}, ['0 member removed', '50 member active!']],
    ['relist', { after: 0 }, ['0 member removed', '0 member active!']],
    ['relist', { cluster: 'a' }, ['0 list a false', '50 list a true!']],
    ['restart', {}, ['0 member draining', '300 stop', '500 start!']],
    ['restart', { graceful: false, down: 50 }, ['0 kill', '50 start!']],
    ['latency', { add: 80 }, ['0 network {"kind":"latency","latencyMs":80}']],
    ['latency', { add: 80, for: 9 }, ['0 network {"kind":"latency","latencyMs":80}', '9 network null!']],
    ['bandwidth', { bytesPerSecond: 5 }, ['0 network {"kind":"bandwidth","bytesPerSecond":5}']],
    ['blackhole', { for: '1s' }, ['0 network {"kind":"blackhole"}', '1000 network null!']],
    ['partition', { for: '1s' }, ['0 network {"kind":"partition"}', '1000 network null!']],
    ['resetConnections', {}, ['0 resetConnections!']],
    ['failStatus', { status: 14 }, [`0 fail ${JSON.stringify(RULE)}`]],
    ['failStatus', { status: 14, for: 20 }, [`0 fail ${JSON.stringify(RULE)}`, '20 fail null!']],
  ])('%s %o', (kind, params, steps) => {
    expect(stepsOf(kind, params)).toEqual(steps);
  });

  test('what is done to sidecars names them, and hot restarts take turns', () => {
    const of = (kind: string, params: Params, turn = 0) => {
      const definition = definitionOf(kind);
      const site = { instance: -1, sidecar: 3, fault: 7, dead: false, turn };
      return definition
        .steps(definition.parse(params, 'here') as never, site)
        .map(({ afterNs, control, heals }) => {
          expect(control).toMatchObject({ op: 'sidecar', instance: -1, sidecar: 3 });
          return `${afterNs / 1e6} ${'act' in control ? control.act : ''}${heals === true ? '!' : ''}`;
        });
    };
    expect(of('sidecar.drain', {})).toEqual(['0 drain!']);
    expect(of('sidecar.reload', {})).toEqual(['0 reload!']);
    expect(of('sidecar.hotRestart', { stagger: 300 }, 2)).toEqual(['600 hotRestart!']);
    expect(of('sidecar.crash', { down: '1s' })).toEqual(['0 crash', '1000 start!']);
  });

  test('restart starts the dead at once, and the living take turns', () => {
    expect(stepsOf('restart', {}, { dead: true })).toEqual(['0 start!']);
    expect(stepsOf('restart', { stagger: 400 }, { turn: 2 })).toEqual([
      '800 member draining',
      '1100 stop',
      '1300 start!',
    ]);
  });
});

test.each(FAULT_KINDS)('%s refuses a parameter that it does not have, with the place', (kind) => {
  expect(() => definitionOf(kind).parse({ nonsense: 1 }, 'at my place')).toThrow(
    expect.objectContaining({
      code: 'MW_SCENARIO',
      place: 'at my place',
      message: "unknown parameter 'nonsense'",
    }),
  );
});

const END = (end: (typeof ATTEMPT_ENDS)[number], code = -1) => ({
  kind: Kind.attemptEnded,
  detail: ATTEMPT_ENDS.indexOf(end),
  code,
});
const SAW = (change: (typeof ENDPOINT_CHANGES)[number]) => ({
  kind: Kind.endpointChanged,
  code: ENDPOINT_CHANGES.indexOf(change),
});
const STATE = (state: (typeof INSTANCE_STATES)[number]) => ({
  kind: Kind.instanceState,
  code: INSTANCE_STATES.indexOf(state),
});
const LISTED = (state: (typeof MEMBER_STATES)[number]) => ({
  kind: Kind.memberState,
  code: MEMBER_STATES.indexOf(state),
});
const BECAME = (state: (typeof SIDECAR_STATES)[number]) => ({
  kind: Kind.sidecarState,
  code: SIDECAR_STATES.indexOf(state),
});
const ANSWERED = (code: number) => ({ kind: Kind.attemptAnswered, code });
type Sign = Partial<EventView> & { tookMs?: number };

/** Whether these events together show the fault's effect. */
function shows(kind: string, params: Params, signs: readonly Sign[]): boolean {
  const definition = definitionOf(kind);
  const parsed = definition.parse(params, 'here') as never;
  let bits = 0;
  for (const { tookMs = -1e-6, ...event } of signs) {
    const view = {
      seq: 0,
      sidecar: 0,
      tNs: 0,
      call: 1,
      attempt: 1,
      instance: 4,
      code: -1,
      detail: -1,
      ...event,
    };
    bits |= definition.observed(view as EventView, { params: parsed, attemptNs: tookMs * 1e6 });
  }
  return (bits & definition.allSigns) === definition.allSigns;
}

describe('signs of an effect', () => {
  const OK = { ...END('complete', 0), tookMs: 5 };
  test.each<[string, Params, Sign[], Sign[]]>([
    ['kill', {}, [STATE('dead'), SAW('disconnected')], [STATE('dead'), OK]],
    ['kill', {}, [END('connection_lost'), STATE('dead')], [SAW('disconnected')]],
    ['restart', {}, [STATE('ready')], [STATE('starting'), OK]],
    [
      'pause',
      { for: 400 },
      [STATE('paused'), { ...OK, tookMs: 100 }],
      [STATE('paused'), { ...OK, tookMs: 99 }],
    ],
    ['pause', { for: 400 }, [STATE('paused'), SAW('unhealthy')], [STATE('resumed'), SAW('unhealthy')]],
    ['add', {}, [{ kind: Kind.attemptSent }], [STATE('ready')]],
    ['remove', {}, [SAW('removed')], [SAW('draining')]],
    ['drain', {}, [SAW('draining')], [STATE('draining')]],
    ['latency', { add: 100 }, [{ ...OK, tookMs: 80 }], [{ ...OK, tookMs: 79 }, END('connection_lost')]],
    ['latency', { add: 100 }, [END('per_try_timeout')], [END('cancelled')]],
    ['latency', { add: 100 }, [{ ...END('cancelled'), tookMs: 10 }], [{ ...END('cancelled'), tookMs: 9 }]],
    ['failStatus', { status: 8 }, [ANSWERED(8)], [ANSWERED(14), OK]],
    [
      'failStatus',
      { status: 8, method: '/grpc.health.v1.Health/Check' },
      [SAW('unhealthy')],
      [ANSWERED(8), SAW('unpickable')],
    ],
    ['relist', {}, [LISTED('removed'), LISTED('active')], [LISTED('removed'), LISTED('draining')]],
    ['relist', { cluster: 'a' }, [SAW('removed'), SAW('added')], [LISTED('removed'), SAW('added')]],
    ['blackhole', {}, [END('deadline')], [OK, STATE('dead')]],
    ['partition', {}, [SAW('unpickable')], [OK, SAW('pickable')]],
    ['resetConnections', {}, [END('connection_lost')], [END('complete', 14)]],
    ['sidecar.drain', {}, [BECAME('draining'), BECAME('gone')], [BECAME('draining')]],
    ['sidecar.reload', {}, [BECAME('serving'), BECAME('gone')], [BECAME('serving')]],
    ['sidecar.hotRestart', {}, [BECAME('serving'), BECAME('gone')], [BECAME('starting'), OK]],
    ['sidecar.crash', {}, [BECAME('crashed'), BECAME('serving')], [BECAME('crashed'), OK]],
    ['bandwidth', { bytesPerSecond: 100 }, [{ ...OK, tookMs: 160 }], [{ ...OK, tookMs: 159 }]],
  ])('%s %o', (kind, params, enough, tooLittle) => {
    expect(shows(kind, params, enough)).toBe(true);
    expect(shows(kind, params, tooLittle)).toBe(false);
  });
});

const CONFIG = (event: (typeof CONFIG_EVENTS)[number]) => ({
  kind: Kind.config,
  code: CONFIG_EVENTS.indexOf(event),
});

test.each<[string, Params, object, (typeof CONFIG_EVENTS)[number]]>([
  ['xds.delay', { by: 50 }, { kind: 'delay', byNs: 50e6 }, 'late'],
  ['xds.nack', { unparsable: true }, { kind: 'nack', unparsable: true }, 'spoilt'],
  ['xds.drop', {}, { kind: 'drop' }, 'dropped'],
  ['xds.reorder', {}, { kind: 'reorder' }, 'older'],
  ['xds.pin', {}, { kind: 'pin' }, 'dropped'],
  ['xds.silence', {}, { kind: 'silence', cut: false }, 'silent'],
  ['xds.silence', { cut: true }, { kind: 'silence', cut: true }, 'cut'],
])('%s %j strikes a sidecar, ends in time, and shows', (kind, params, effect, event) => {
  const definition = definitionOf(kind);
  const site = { instance: -1, sidecar: 3, fault: 7, dead: false, turn: 0 };
  const stepsFor = (given: Params) => definition.steps(definition.parse(given, 'here') as never, site);
  const control = { op: 'xds', instance: -1, sidecar: 3, fault: 7 };
  expect(stepsFor(params)).toEqual([{ afterNs: 0, control: { ...control, effect } }]);
  expect(stepsFor({ ...params, for: '2s' })[1]).toEqual({
    afterNs: 2e9,
    control: { ...control, effect: null },
    heals: true,
  });
  expect(shows(kind, params, [CONFIG(event)])).toBe(true);
  expect(shows(kind, params, [CONFIG('told')])).toBe(false);
});

test('xds.routes is told to all, and shows by routes that arrive', () => {
  const definition = definitionOf('xds.routes');
  const routes = [{ cluster: 'default' }];
  const site = { instance: -1, sidecar: -1, fault: 0, dead: false, turn: 0 };
  expect(definition.steps(definition.parse({ routes }, 'here') as never, site)).toEqual([
    { afterNs: 0, control: { op: 'routes', instance: -1, routes } },
  ]);
  expect(() => definition.parse({ routes: 7 }, 'here')).toThrow("'routes' is 7");
  const arriving = (event: (typeof CONFIG_EVENTS)[number], detail: number) => [{ ...CONFIG(event), detail }];
  expect(shows('xds.routes', { routes }, arriving('told', 3))).toBe(true);
  expect(shows('xds.routes', { routes }, arriving('late', 3))).toBe(true);
  expect(shows('xds.routes', { routes }, arriving('told', 1))).toBe(false);
  expect(shows('xds.routes', { routes }, arriving('acked', 3))).toBe(false);
});
