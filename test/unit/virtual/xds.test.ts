/** Virtual sidecars that follow a control plane, and what faults make of what it tells them. */
import { describe, expect, test } from 'vitest';
import type { XdsEffect } from '../../../sim/faults/controls.ts';
import { CONFIG_EVENTS, ENDPOINT_CHANGES, Kind } from '../../../sim/journal/events.ts';
import type { XdsSpec } from '../../../sim/spec/scenario.ts';
import { type Events, type Rig, rig } from './rig.ts';

const VARIANTS = ['sotw', 'delta'] as const;

const meshOf = (discovery: Partial<XdsSpec> = {}, replicas = 2, instances = 4): Promise<Rig> =>
  rig({ instances, sidecar: { replicas, discovery: { kind: 'xds', ...discovery } } });

const strike = (run: Rig, effect: XdsEffect | null, sidecar = 1): Promise<void> =>
  run.apply({ op: 'xds', instance: -1, sidecar, fault: 0, effect });
const remove = (run: Rig, instance: number): Promise<void> =>
  run.apply({ op: 'member', instance, state: 'removed' });

/** `ms what` of each sidecar's set. */
const changes = (events: Events, sidecar: number): string[] =>
  events
    .of(Kind.endpointChanged, (one) => one.sidecar === sidecar && one.tMs > 0)
    .map(({ code, instance, tMs }) => `${Math.round(tMs)} ${ENDPOINT_CHANGES[code]} ${instance}`)
    .filter((line) => / (added|removed|draining) /.test(line));
const told = (events: Events, sidecar: number): string[] =>
  events
    .of(Kind.config, (one) => one.sidecar === sidecar && one.tMs > 0)
    .map(({ code, tMs }) => `${Math.round(tMs)} ${CONFIG_EVENTS[code]}`);

describe.each(VARIANTS)('%s', (variant) => {
  test('a change reaches every sidecar, and the answer comes with it', async () => {
    const run = await meshOf({ variant });
    await run.to(100);
    await remove(run, 2);
    await run.to(1_000);
    const events = await run.finish();
    for (const sidecar of [0, 1]) {
      expect(changes(events, sidecar)).toEqual(['125 removed 2']);
      expect(told(events, sidecar)).toEqual(['125 told', '125 acked']);
    }
  });

  test('delay: one of them hears of it later', async () => {
    const run = await meshOf({ variant });
    await run.to(100);
    await strike(run, { kind: 'delay', byNs: 500e6 });
    await remove(run, 2);
    await run.to(1_000);
    const events = await run.finish();
    expect(changes(events, 0)).toEqual(['125 removed 2']);
    expect(changes(events, 1)).toEqual(['625 removed 2']);
    expect(told(events, 1)).toEqual(['625 late', '625 acked']);
  });

  test.each([true, false])(
    'DC-07: nack (unparsable: %s): refused, the set stays, and the truth comes with the end',
    async (unparsable) => {
      const run = await meshOf({ variant });
      await run.to(100);
      await strike(run, { kind: 'nack', unparsable });
      await run.to(200);
      await remove(run, 2);
      await run.to(500);
      await strike(run, null);
      await run.to(1_000);
      const events = await run.finish();
      expect(changes(events, 1)).toEqual(['505 removed 2']);
      const refused = ['105 spoilt', '105 refused', '225 spoilt', '225 refused'];
      expect(told(events, 1)).toEqual([...refused, '505 told', '505 acked']);
    },
  );

  test('drop: the sidecar learns of it with the next change', async () => {
    const run = await meshOf({ variant });
    await run.to(100);
    await strike(run, { kind: 'drop' });
    await remove(run, 2);
    await run.to(500);
    await strike(run, null);
    await run.to(600);
    await remove(run, 3);
    await run.to(1_000);
    const events = await run.finish();
    expect(changes(events, 0)).toEqual(['125 removed 2', '625 removed 3']);
    expect(changes(events, 1)).toEqual(['625 removed 2', '625 removed 3']);
    expect(told(events, 1)[0]).toBe('120 dropped');
  });

  test.each(['any', 'rising'] as const)(
    'reorder, versions %s: the older one is taken, or refused',
    async (versions) => {
      const run = await meshOf({ variant, versions });
      await run.to(100);
      await strike(run, { kind: 'reorder' });
      await remove(run, 2);
      await run.to(200);
      await remove(run, 3);
      await run.to(1_000);
      const events = await run.finish();
      const back = versions === 'any' ? ['235 added 3'] : [];
      expect(changes(events, 1)).toEqual(['225 removed 2', '225 removed 3', ...back]);
      expect(told(events, 1)).toEqual([
        '225 told',
        '225 acked',
        '235 older',
        versions === 'any' ? '235 acked' : '235 refused',
      ]);
    },
  );

  test('DC-10, DC-11: silence, and a cut: nothing changes meanwhile; afterwards all that was missed', async () => {
    for (const cut of [false, true]) {
      const run = await meshOf({ variant, backoffBaseMs: 100, backoffMaxMs: 100 });
      await run.to(100);
      await strike(run, { kind: 'silence', cut });
      await remove(run, 2);
      await run.to(1_000);
      await strike(run, null);
      await run.to(2_000);
      const events = await run.finish();
      expect(changes(events, 0)).toEqual(['125 removed 2']);
      const [seen, ...more] = changes(events, 1);
      expect(seen).toMatch(cut ? /^1\d\d\d removed 2$/ : /^1005 removed 2$/);
      expect(more).toEqual([]);
      expect(told(events, 1)[0]).toBe(cut ? '100 cut' : '100 silent');
    }
  });

  test('a reload asks anew, and takes over once it is told; without a control plane it does not', async () => {
    for (const away of [false, true]) {
      const run = await meshOf({ variant }, 1);
      run.load({ forMs: 8_000, ratePerSecond: 100 });
      await run.to(100);
      if (away) await strike(run, { kind: 'silence', cut: true }, 0);
      await run.apply({ op: 'sidecar', instance: -1, sidecar: 0, act: 'reload' });
      await run.to(9_000);
      const events = await run.finish();
      const states = events.of(Kind.sidecarState).map(({ code, tMs }) => `${code} ${Math.round(tMs)}`);
      if (away) expect(states).toEqual(['0 100']);
      else expect(states).toHaveLength(4);
      expect(events.of(Kind.callEnd, ({ code }) => code !== 0)).toEqual([]);
    }
  });
});

test('the same seed gives the same journal', async () => {
  const hashes = [];
  for (let n = 0; n < 2; n++) {
    const run = await meshOf({ backoffBaseMs: 50 }, 3);
    run.load({ forMs: 500, ratePerSecond: 100 });
    await strike(run, { kind: 'silence', cut: true });
    await run.to(300);
    await strike(run, null);
    await run.to(1_000);
    hashes.push((await run.finish()).hash);
  }
  expect(hashes[0]).toBe(hashes[1]);
});
