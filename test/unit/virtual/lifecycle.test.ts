/** What is done to a virtual sidecar: who serves, what happens to calls in flight, and when the one before is gone. */
import { expect, test } from 'vitest';
import type { SidecarAct } from '../../../sim/faults/controls.ts';
import { Kind, SIDECAR_STATES } from '../../../sim/journal/events.ts';
import { type Events, rig, type RigOptions } from './rig.ts';

async function struck(act: SidecarAct, options: RigOptions = {}, sidecar = 0) {
  const run = await rig({ latencyMs: 100, ...options });
  run.load({ forMs: 1_000, ratePerSecond: 500 });
  await run.to(300);
  await run.apply({ op: 'sidecar', instance: -1, sidecar, act });
  await run.to(2_000);
  return { run, events: await run.finish() };
}

const life = (events: Events, sidecar = 0) =>
  events
    .of(Kind.sidecarState, (one) => one.sidecar === sidecar)
    .map(({ code, detail, tMs }) => `${SIDECAR_STATES[code]} ${detail} ${Math.round(tMs)}`);
const failures = (events: Events) => events.of(Kind.callEnd, ({ code }) => code !== 0);

test('a hot restart: the new machine serves before the old one leaves, which ends its calls; none is lost', async () => {
  const { events } = await struck('hotRestart');
  expect(life(events)).toEqual(['starting 1 300', 'serving 1 502', 'draining 0 502', 'gone 0 600']);
  expect(failures(events)).toEqual([]);
  expect(events.of(Kind.callEnd)).toHaveLength(500);
});

test('a reload is the same without the start of a process; a second one on its heels waits for nobody', async () => {
  const run = await rig({ latencyMs: 100 });
  run.load({ forMs: 500, ratePerSecond: 500 });
  for (const ms of [100, 120, 140]) {
    await run.to(ms);
    await run.apply({ op: 'sidecar', instance: -1, sidecar: 0, act: 'reload' });
  }
  await run.to(800);
  const events = await run.finish();
  expect(life(events).filter((line) => line.startsWith('gone'))).toEqual([
    'gone 0 204',
    'gone 1 224',
    'gone 2 244',
  ]);
  expect(failures(events)).toEqual([]);
});

test('of two successors at once the later one finds the port taken and ends', async () => {
  const run = await rig({ latencyMs: 10 });
  await run.apply({ op: 'sidecar', instance: -1, sidecar: 0, act: 'hotRestart' });
  await run.apply({ op: 'sidecar', instance: -1, sidecar: 0, act: 'reload' });
  await run.to(1_000);
  expect(life(await run.finish())).toEqual([
    'starting 1 0',
    'starting 2 0',
    'serving 2 4',
    'draining 0 4',
    'gone 0 54',
  ]);
});

test('a drain: the calls go to the other sidecar once that is known; the port stays for the delay', async () => {
  const sidecar = { replicas: 2, drainDelayMs: 200 };
  const { events } = await struck('drain', { sidecar });
  expect(life(events)).toEqual(['draining 0 500', 'gone 0 550']);
  expect(failures(events)).toEqual([]);
  const late = events.of(Kind.callStart, ({ tMs, sidecar: index }) => tMs > 321 && index === 0);
  expect(late).toEqual([]);
  expect(events.of(Kind.callEnd)).toHaveLength(500);
});

test('a drain of the only sidecar without a delay: who comes afterwards is refused at once', async () => {
  const { events } = await struck('drain');
  expect(failures(events).length).toBeGreaterThan(300);
  for (const { code, tMs } of failures(events)) expect([code, tMs > 300]).toEqual([14, true]);
  expect(events.of(Kind.callEnd)).toHaveLength(500);
});

test('a drain that takes longer than its time cuts what is left [LC-02]', async () => {
  const { events } = await struck('drain', {
    latencyMs: 600,
    sidecar: { replicas: 2, drainMs: 200, drainDelayMs: 100 },
  });
  expect(life(events)).toEqual(['draining 0 400', 'gone 0 580']);
  const cut = failures(events);
  expect(cut.length).toBeGreaterThan(50);
  for (const { code, sidecar, tMs } of cut) expect([code, sidecar, Math.round(tMs)]).toEqual([14, 0, 580]);
});

test('a crash: calls in flight end in that instant, later ones are refused, a start brings it back', async () => {
  const run = await rig({ latencyMs: 100 });
  run.load({ forMs: 1_500, ratePerSecond: 500 });
  await run.to(300);
  await run.apply({ op: 'sidecar', instance: -1, sidecar: 0, act: 'crash' });
  // What is done to a sidecar that is away does nothing.
  await run.apply({ op: 'sidecar', instance: -1, sidecar: 0, act: 'reload' });
  await run.apply({ op: 'sidecar', instance: -1, sidecar: 0, act: 'crash' });
  await run.to(400);
  await run.apply({ op: 'sidecar', instance: -1, sidecar: 0, act: 'start' });
  await run.to(2_500);
  const events = await run.finish();
  expect(life(events)).toEqual(['crashed 0 300', 'starting 1 400', 'serving 1 602']);
  const cut = failures(events).filter(({ tMs }) => Math.round(tMs) === 300);
  expect(cut.length).toBeGreaterThan(45);
  for (const { tMs, code } of failures(events)) expect([tMs >= 300 && tMs < 603, code]).toEqual([true, 14]);
  expect(events.of(Kind.callEnd)).toHaveLength(750);
  expect(events.of(Kind.callEnd, ({ tMs, code }) => code === 0 && tMs > 602).length).toBeGreaterThan(400);
});

test('closed-loop clients go on after a refusal, and after a cut', async () => {
  const run = await rig({ latencyMs: 20 });
  run.load({ kind: 'closed', clients: 4, thinkMs: 5, forMs: 800 } as never);
  await run.to(100);
  await run.apply({ op: 'sidecar', instance: -1, sidecar: 0, act: 'crash' });
  await run.to(150);
  await run.apply({ op: 'sidecar', instance: -1, sidecar: 0, act: 'start' });
  await run.to(1_000);
  const events = await run.finish();
  expect(events.of(Kind.callStart, ({ tMs }) => tMs > 400).length).toBeGreaterThan(40);
  expect(events.of(Kind.callEnd)).toHaveLength(events.of(Kind.callStart).length);
});
