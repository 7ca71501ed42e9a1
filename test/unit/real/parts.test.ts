/** The parts of the real world that need no process: draws, arrivals, the merge by time, limits, discovery's file. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { Kind } from '../../../sim/journal/events.ts';
import { Journal } from '../../../sim/journal/journal.ts';
import { draw, drawLatencyMs } from '../../../sim/real/draw.ts';
import { FailRules } from '../../../sim/real/instance/fail-rules.ts';
import { arrivalTimes } from '../../../sim/real/load/arrivals.ts';
import { Members } from '../../../sim/real/members.ts';
import { descriptorsNeeded } from '../../../sim/real/process/limits.ts';
import { Recorder } from '../../../sim/real/recorder.ts';
import { readTrace } from '../../../sim/real/sidecar/trace.ts';
import { externalToxiproxy } from '../../../sim/real/toxiproxy/origin.ts';

test('draws are even, repeatable and differ by key', () => {
  const numbers = Array.from({ length: 10_000 }, (_, index) => draw(1, 2, index));
  expect(draw(1, 2, 77)).toBe(numbers[77]);
  expect(new Set(numbers).size).toBeGreaterThan(9_900);
  expect(numbers.filter((number) => number < 0.3).length / 10_000).toBeCloseTo(0.3, 1);
  expect(draw(1, 2)).not.toBe(draw(2, 1));
});

test('a lognormal latency has its median and 99th percentile', () => {
  const latency = { kind: 'lognormal', medianMs: 3, p99Ms: 12 } as const;
  const sorted = Array.from({ length: 20_000 }, (_, call) => drawLatencyMs(latency, 5, call)).sort(
    (a, b) => a - b,
  );
  expect(sorted[10_000]).toBeGreaterThan(2.9);
  expect(sorted[10_000]).toBeLessThan(3.1);
  expect(sorted[19_800]).toBeGreaterThan(11);
  expect(sorted[19_800]).toBeLessThan(13);
});

test('arrivals: constant ones do not drift, Poisson ones keep the rate and follow the seed', () => {
  const constant = [...arrivalTimes({ ratePerSecond: 3, arrivals: 'constant', forMs: 10_000, seed: 1 })];
  expect(constant.length).toBe(30);
  expect(constant[27]).toBeCloseTo(9_000, 9);
  const poisson = (seed: number): number[] => [
    ...arrivalTimes({ ratePerSecond: 500, arrivals: 'poisson', forMs: 20_000, seed }),
  ];
  expect(poisson(1)).toEqual(poisson(1));
  expect(poisson(1)[5]).not.toBe(poisson(2)[5]);
  expect(poisson(1).length).toBeGreaterThan(9_600);
  expect(poisson(1).length).toBeLessThan(10_400);
});

test('fail rules hit their share, their method, and go away', () => {
  const rules = new FailRules(1, 0);
  rules.set(4, { status: 14, share: 0.25, method: '/a/B', afterHeaders: false });
  const hits = Array.from({ length: 4_000 }, (_, call) => rules.match('/a/B', call, 1)).filter(
    (rule) => rule !== null,
  );
  expect(hits.length / 4_000).toBeCloseTo(0.25, 1);
  expect(rules.match('/a/C', 1, 1)).toBeNull();
  rules.set(4, null);
  expect(
    Array.from({ length: 100 }, (_, call) => rules.match('/a/B', call, 1)).every((rule) => rule === null),
  ).toBe(true);
});

test('events are merged by time, equal times in order of arrival, and a cap is told', () => {
  const recorder = new Recorder(5);
  recorder.write(Kind.phase, 30, 3, -1, -1, 0, -1, -1);
  recorder.batch(
    Float64Array.from([Kind.callStart, 10, 1, -1, -1, 0, -1, 0, Kind.callEnd, 30, 4, -1, -1, 0, -1, 0]),
  );
  recorder.write(Kind.phase, 20, 2, -1, -1, 0, -1, -1);
  const journal = new Journal({ retain: true });
  expect(recorder.overflow).toBeNull();
  recorder.mergeInto(journal);
  journal.finish();
  const calls: number[] = [];
  journal.read((event) => {
    calls.push(event.call);
  });
  expect(calls).toEqual([1, 2, 3, 4]);
  recorder.batch(new Float64Array(6 * 8));
  expect(recorder.overflow).toMatchObject({ code: 'MW_JOURNAL' });
});

test('the trace becomes events; lines that are none are counted', async () => {
  const recorder = new Recorder();
  const changes: string[] = [];
  const lines = [
    '["attempt.sent",5,7,1,"g/1"]',
    '["attempt.ended",6,7,1,"g/1","connection_lost",-1]',
    'nonsense',
    '["endpoint.changed",4,"g/1","pickable"]',
    '["cpu",8,123]',
    '["unknown",1]',
  ];
  const text = `${lines.join('\n')}\n`;
  const stream = Readable.from([text.slice(0, 40), text.slice(40)], { objectMode: false });
  const result = readTrace(stream, {
    sidecar: 2,
    recorder,
    indexOf: (id) => (id === 'g/1' ? 1 : -1),
    onChange: (instance, change) => changes.push(`${instance} ${change}`),
    onCpu: (tNs, micros) => changes.push(`cpu ${tNs} ${micros}`),
  });
  await new Promise((resolve) => stream.on('close', resolve));
  const journal = new Journal({ retain: true });
  recorder.mergeInto(journal);
  journal.finish();
  const events: number[][] = [];
  journal.read(({ kind, tNs, call, attempt, instance, code, detail, sidecar }) => {
    events.push([kind, tNs, call, attempt, instance, code, detail, sidecar]);
  });
  expect(events).toEqual([
    [Kind.endpointChanged, 4, -1, -1, 1, 7, -1, 2],
    [Kind.attemptSent, 5, 7, 1, 1, -1, 1, 2],
    [Kind.attemptEnded, 6, 7, 1, 1, -1, 2, 2],
  ]);
  expect(changes).toEqual(['1 pickable', 'cpu 8 123']);
  expect(result.badLines).toBe(2);
});

test('members: one file, replaced whole; only changes are told', () => {
  const folder = mkdtempSync(join(tmpdir(), 'meshwright-test-'));
  const told: string[] = [];
  const members = new Members(folder, ['g/0', 'g/1'], (instance, state) => told.push(`${instance} ${state}`));
  members.setAddress(0, '127.0.0.1:1');
  members.setAddress(1, '127.0.0.1:2');
  members.setAll([0, 1]);
  members.set(1, 'active');
  members.set(1, 'draining');
  members.set(0, 'removed');
  const file = JSON.parse(readFileSync(members.path, 'utf8')) as unknown;
  rmSync(folder, { recursive: true });
  expect(told).toEqual(['0 active', '1 active', '1 draining', '0 removed']);
  expect(file).toEqual({ endpoints: [{ address: '127.0.0.1:2', id: 'g/1', draining: true }] });
});

test('members: one of two clusters leaves one of them, and is back', () => {
  const folder = mkdtempSync(join(tmpdir(), 'meshwright-test-'));
  const clusters = { orders: { instances: [0] }, users: { instances: [0, 1] } };
  const members = new Members(folder, ['g/0', 'g/1'], () => undefined, [], { clusters });
  const sets: string[] = [];
  members.onSets = (all) =>
    sets.push([...all].map(([name, entries]) => `${name} ${entries.map(({ id }) => id)}`).join('; '));
  let told = 0;
  const list = (cluster: string, listed: boolean): void => members.list(0, cluster, listed, () => told++);
  members.setAll([0, 1]);
  list('users', true);
  list('users', false);
  list('users', false);
  list('users', true);
  rmSync(folder, { recursive: true });
  const both = 'default ; orders g/0; users g/0,g/1';
  expect(sets).toEqual([both, 'default ; orders g/0; users g/1', both]);
  expect(told).toBe(2);
});

test('descriptors grow with instances times sidecars', () => {
  expect(descriptorsNeeded(10, 2)).toBe(40 + 10 * 7);
});

test('TOXIPROXY_URL is a URL of this machine or nothing', () => {
  expect(externalToxiproxy(undefined)).toBeNull();
  expect(externalToxiproxy('127.0.0.1:8474')).toBe('http://127.0.0.1:8474');
  expect(externalToxiproxy('http://[::1]:1/')).toBe('http://[::1]:1');
  for (const bad of ['http://10.0.0.1:1', 'https://127.0.0.1:1', 'http://', 'x y']) {
    expect(() => externalToxiproxy(bad)).toThrow(expect.objectContaining({ code: 'MW_TOXIPROXY' }) as Error);
  }
});
