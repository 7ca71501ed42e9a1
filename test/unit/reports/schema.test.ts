/** The committed JSON Schema, the checked schema and the type of a run record agree. */
import { readFileSync } from 'node:fs';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { jsonReport } from '../../../reports/json.ts';
import { runRecordJsonSchema, runRecordSchema } from '../../../reports/run-record-schema.ts';
import type { RunRecord } from '../../../sim/spec/run-record.ts';
import { sampleRecord } from './sample-record.ts';

const committed = JSON.parse(
  readFileSync(new URL('../../../reports/run-record.schema.json', import.meta.url), 'utf8'),
) as Record<string, unknown>;

describe('run-record.schema.json', () => {
  it('is what the schema in code makes', () => {
    expect(committed).toEqual(runRecordJsonSchema());
    expect(committed['$schema']).toBe('https://json-schema.org/draft/2020-12/schema');
  });

  it('accepts what the JSON report writes', () => {
    const written: unknown = JSON.parse(jsonReport(sampleRecord()));
    expect(z.fromJSONSchema(committed as never).safeParse(written).success).toBe(true);
    expect(runRecordSchema.safeParse(written).success).toBe(true);
  });

  it.each([
    ['a missing seed', (record: any) => delete record.scenarios[0].seed],
    ['a world that does not exist', (record: any) => (record.scenarios[0].world = 'moon')],
    ['a field nobody knows', (record: any) => (record.scenarios[0].extra = 1)],
    ['a verdict without explanation', (record: any) => delete record.scenarios[0].verdicts[0].explanation],
    ['a count that is no whole number', (record: any) => (record.scenarios[0].stats.calls = 1.5)],
    ['a latency that is not a number', (record: any) => (record.scenarios[0].stats.latency.p99Ms = null)],
  ])('refuses %s', (_what, spoil) => {
    const record: unknown = JSON.parse(jsonReport(sampleRecord()));
    spoil(record);
    expect(z.fromJSONSchema(committed as never).safeParse(record).success).toBe(false);
    expect(runRecordSchema.safeParse(record).success).toBe(false);
  });

  it('has the same type as the model', () => {
    expectTypeOf<RunRecord>().toExtend<z.infer<typeof runRecordSchema>>();
    expectTypeOf<z.infer<typeof runRecordSchema>>().toExtend<RunRecord>();
  });
});
