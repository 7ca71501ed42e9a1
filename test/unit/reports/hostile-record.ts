/** A run record in which every string that comes from outside is the given text. */
import type { RunRecord } from '../../../sim/spec/run-record.ts';
import { sampleScenario } from './sample-record.ts';

export function hostileRecord(text: string): RunRecord {
  const scenario = sampleScenario(text, 'virtual', 3, 'violated');
  const { timeline, stats } = scenario;
  return {
    version: 1,
    tool: { name: 'meshwright', version: '0.1.0' },
    startedAt: '2026-11-01T10:20:30.000Z',
    durationMs: 10,
    outcome: 'violated',
    scenarios: [
      {
        ...scenario,
        shows: text,
        file: text,
        journalHash: text,
        journalFile: text,
        replay: text,
        error: { code: text, message: text },
        verdicts: scenario.verdicts.map((v) => ({
          ...v,
          check: text,
          explanation: text,
          params: { [text]: text },
        })),
        stats: {
          ...stats,
          statuses: { [text]: 1 },
          instances: stats.instances.map((instance) => ({ ...instance, name: text })),
        },
        timeline: {
          ...timeline,
          lanes: timeline.lanes.map((lane) => ({
            ...lane,
            instance: text,
            states: lane.states.map((entry) => ({ ...entry, state: text })),
          })),
          faults: timeline.faults.map((fault) => ({ ...fault, kind: text, target: text, instances: [text] })),
        },
      },
    ],
    errors: [{ code: text, message: text, file: text }],
  };
}
