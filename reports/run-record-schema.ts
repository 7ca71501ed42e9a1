/** The run record as a schema: what a worker hands back is checked by it, and run-record.schema.json is made from it. */
import { z } from 'zod';

const number = z.number();
const count = z.int().min(0);
const outcome = z.enum(['holds', 'violated', 'not exercised', 'inconclusive']);
const outcomeOrEnd = z.enum(['holds', 'violated', 'not exercised', 'inconclusive', 'interrupted', 'error']);

const verdict = z.strictObject({
  check: z.string().describe('Name of the check'),
  params: z.record(z.string(), z.unknown()).describe('Its parameters as the scenario gave them'),
  outcome,
  exercised: count.describe("How often the check's trigger occurred"),
  explanation: z.string().describe('What holds, or what was broken, where and by how much'),
  firstAtMs: number.nullable().describe('First moment of a violation, ms since the run began'),
  evidence: z.array(count).readonly().describe('Sequence numbers of journal events that show it'),
});

const quantiles = z.strictObject({
  count,
  p50Ms: number,
  p90Ms: number,
  p99Ms: number,
  p999Ms: number,
  maxMs: number,
});

const instanceStats = z.strictObject({
  name: z.string(),
  attempts: count,
  picks: count.describe('First attempts of calls'),
  expectedPicks: number.describe(
    'What turns by weight among the pickable instances of its group would have given',
  ),
  failures: count,
});

const stats = z.strictObject({
  calls: count,
  ok: count,
  statuses: z.record(z.string(), count).describe('Calls by grpc-status number'),
  unanswered: count,
  attempts: count,
  retries: count,
  latency: quantiles,
  directLatency: quantiles.nullable(),
  sidecarCpuUsPerCall: number.nullable(),
  instances: z.array(instanceStats).readonly(),
});

const lane = z.strictObject({
  instance: z.string(),
  states: z.array(z.strictObject({ fromMs: number, state: z.string() })).readonly(),
  seen: z.array(z.strictObject({ fromMs: number, pickable: z.boolean() })).readonly(),
  attempts: z.array(number).readonly(),
  failures: z.array(number).readonly(),
});

const timeline = z.strictObject({
  bucketMs: number,
  lanes: z.array(lane).readonly(),
  faults: z
    .array(
      z.strictObject({
        kind: z.string(),
        target: z.string(),
        instances: z.array(z.string()).readonly(),
        fromMs: number,
        toMs: number.nullable().describe('Null while it was never lifted'),
        observed: z.boolean(),
      }),
    )
    .readonly(),
  calls: z.array(number).readonly(),
  failed: z.array(number).readonly(),
  retries: z.array(number).readonly(),
  p99Ms: z.array(number).readonly(),
});

export const scenarioRecordSchema = z.strictObject({
  name: z.string(),
  shows: z.string().nullable(),
  file: z.string().nullable(),
  world: z.enum(['virtual', 'real']),
  seed: z.int(),
  journalHash: z.string(),
  journalEvents: count,
  journalFile: z.string().nullable().describe('Relative to the run folder'),
  journalCut: z
    .exactOptional(z.strictObject({ bytesMax: count, events: count }))
    .describe("Set when the journal outgrew its file's cap: the file holds the first events"),
  outcome: outcomeOrEnd,
  verdicts: z.array(verdict).readonly(),
  replay: z.string().describe('The command that runs this one again'),
  error: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
  tries: z.exactOptional(z.int().min(1)).describe('How often it was run until it could tell; default 1'),
  simulatedMs: number,
  wallMs: number,
  stats,
  timeline,
});

export const runRecordSchema = z.strictObject({
  version: z.literal(1),
  tool: z.strictObject({ name: z.literal('meshwright'), version: z.string() }),
  startedAt: z.iso.datetime().describe('Wall clock, a label only'),
  durationMs: number,
  outcome: outcomeOrEnd.describe('Worst over the scenarios'),
  scenarios: z.array(scenarioRecordSchema).readonly(),
  errors: z
    .array(z.strictObject({ code: z.string(), message: z.string(), file: z.string().nullable() }))
    .readonly(),
});

/** JSON Schema (2020-12) of a run record, as committed in reports/run-record.schema.json. */
export function runRecordJsonSchema(): Record<string, unknown> {
  return {
    $id: 'urn:meshwright:run-record:1',
    title: 'meshwright run record',
    ...z.toJSONSchema(runRecordSchema, { target: 'draft-2020-12' }),
  };
}
