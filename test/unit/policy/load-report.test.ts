import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readLoadReport } from '../../../proxy/policy/load-report.ts';

function double(field: number, value: number): number[] {
  const octets = new Uint8Array(8);
  new DataView(octets.buffer).setFloat64(0, value, true);
  return [(field << 3) | 1, ...octets];
}

const encode = (octets: readonly number[]) => Buffer.from(octets).toString('base64');
const NOTHING = { applicationUtilization: 0, cpuUtilization: 0, callsPerSecond: 0, errorsPerSecond: 0 };

it('reads the four fields and skips all others, with padding or without', () => {
  const message = [
    ...double(1, 0.25),
    ...double(2, 0.5),
    ...[0x18, 0xac, 0x02],
    ...[0x22, 3, 1, 2, 3],
    ...double(6, 120),
    ...double(7, 3),
    ...[0x45, 1, 2, 3, 4],
    ...double(9, 0.75),
  ];
  const report = {
    applicationUtilization: 0.75,
    cpuUtilization: 0.25,
    callsPerSecond: 120,
    errorsPerSecond: 3,
  };
  for (let more = 0; more < 3; more++) {
    const text = encode([...message, ...Array.from({ length: more }, () => [0x18, 1]).flat()]);
    expect(readLoadReport(text)).toEqual(report);
    expect(readLoadReport(text.replaceAll('=', ''))).toEqual(report);
  }
  expect(readLoadReport('')).toEqual(NOTHING);
});

it('what is no report is null', () => {
  const bad: readonly (readonly number[])[] = [
    [0x09, 1, 2],
    [0x08],
    [0x18, ...Array.from({ length: 11 }, () => 0x80), 1],
    [0x22, 9, 1],
    [0x22],
    [0x1d, 1, 2],
    [0x0b],
    [0x00],
    [0x89, 0x01],
    double(1, -1),
    double(6, Number.NaN),
    double(9, Infinity),
  ];
  for (const octets of bad) expect(readLoadReport(encode(octets)), octets.join()).toBeNull();
  for (const text of ['A', 'A===', '=', '====', 'AA=', 'A-_A', 'a b=', 'CT,CT', 'A'.repeat(8_196), 'é']) {
    expect(readLoadReport(text), text.slice(0, 9)).toBeNull();
  }
});

it('reads whatever there is, or null, and ends', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
      const report = readLoadReport(encode([...octets]));
      for (const value of Object.values(report ?? {})) expect(value >= 0 && value < Infinity).toBe(true);
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => void readLoadReport(text)));
});
