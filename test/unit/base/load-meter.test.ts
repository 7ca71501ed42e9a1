import { describe, expect, test } from 'vitest';
import { readLoadReport } from '../../../proxy/policy/load-report.ts';
import { LOAD_REPORT_TRAILER, LoadMeter, loadReportOctets } from '../../../sim/base/load-meter.ts';
import { LOAD_REPORT_TRAILER as READ } from '../../../proxy/policy/load-report.ts';

const MS = 1e6;

describe('LoadMeter', () => {
  test('counts answers and errors of the last second, to a tenth, whatever came before', () => {
    const meter = new LoadMeter({ capacity: 200 });
    for (let at = 0; at < 100; at++) meter.answered(5_000 * MS + at * 10 * MS, at % 4 === 0);
    expect(meter.answered(5_999 * MS, true)).toEqual({
      utilization: 0.505,
      callsPerSecond: 101,
      errorsPerSecond: 26,
    });
    // Half of it is over.
    expect(meter.answered(6_500 * MS, false).callsPerSecond).toBe(42);
    expect(meter.answered(9_000 * MS, false)).toEqual({
      utilization: 0.005,
      callsPerSecond: 1,
      errorsPerSecond: 0,
    });
  });

  test('says what it was told to say', () => {
    const said = { utilization: 0.3, callsPerSecond: 10, errorsPerSecond: 1 };
    expect(new LoadMeter(said).answered(0, true)).toEqual(said);
  });
});

test('a sidecar reads what an instance writes', () => {
  const octets = loadReportOctets({ utilization: 0.625, callsPerSecond: 120, errorsPerSecond: 2.5 });
  expect(readLoadReport(Buffer.from(octets).toString('base64'))).toEqual({
    applicationUtilization: 0.625,
    cpuUtilization: 0,
    callsPerSecond: 120,
    errorsPerSecond: 2.5,
  });
  expect(LOAD_REPORT_TRAILER).toBe(READ);
});
