/** The run record: the one model that every report is made from. `reports/run-record.schema.json` is its JSON Schema. */
import type { Outcome, Verdict } from './check.ts';

export const RUN_RECORD_VERSION = 1;

export interface RunRecord {
  version: typeof RUN_RECORD_VERSION;
  tool: { name: 'meshwright'; version: string };
  /** Wall clock, a label only (ISO 8601). */
  startedAt: string;
  durationMs: number;
  /** Worst over the scenarios; `interrupted` when the run was cut short. */
  outcome: Outcome | 'interrupted' | 'error';
  scenarios: readonly ScenarioRecord[];
  /** What went wrong outside of verdicts: a file that does not load, a process that would not start. */
  errors: readonly { code: string; message: string; file: string | null }[];
}

export interface ScenarioRecord {
  name: string;
  shows: string | null;
  file: string | null;
  world: 'virtual' | 'real';
  seed: number;
  journalHash: string;
  journalEvents: number;
  /** Where the journal was written, relative to the run folder; null if it was not. */
  journalFile: string | null;
  /** Set when the journal outgrew its file's cap: the file holds the first `events`; verdicts and hash are over all. */
  journalCut?: { bytesMax: number; events: number };
  outcome: Outcome | 'interrupted' | 'error';
  verdicts: readonly Verdict[];
  /** The command that runs this one again. */
  replay: string;
  error: { code: string; message: string } | null;
  /** How often it was run until it could tell: 2 when an inconclusive run in the real world was tried again. Default 1. */
  tries?: number;
  /** Length of the run in the world's time, ms. */
  simulatedMs: number;
  /** Length on the wall clock, ms. */
  wallMs: number;
  stats: RunStats;
  timeline: Timeline;
}

export interface Quantiles {
  count: number;
  p50Ms: number;
  p90Ms: number;
  p99Ms: number;
  p999Ms: number;
  maxMs: number;
}

export interface RunStats {
  calls: number;
  ok: number;
  /** By grpc-status number, 0 included. */
  statuses: Readonly<Record<string, number>>;
  unanswered: number;
  attempts: number;
  retries: number;
  latency: Quantiles;
  /** Calls that went directly to an instance (overhead measurement); null when there were none. */
  directLatency: Quantiles | null;
  /** Sidecar CPU per proxied call in µs; null where it was not measured. */
  sidecarCpuUsPerCall: number | null;
  instances: readonly InstanceStats[];
}

export interface InstanceStats {
  name: string;
  attempts: number;
  /** First picks, and what turns by weight among the pickable instances of its group would have given. */
  picks: number;
  expectedPicks: number;
  failures: number;
}

/** What the HTML page draws: lanes of states, bands of faults, and counts per time bucket. */
export interface Timeline {
  bucketMs: number;
  lanes: readonly {
    instance: string;
    /** Truth: state from `fromMs` until the next entry. */
    states: readonly { fromMs: number; state: string }[];
    /** The sidecar's view: pickable or not, from `fromMs`. */
    seen: readonly { fromMs: number; pickable: boolean }[];
    /** Attempts and failed attempts per bucket. */
    attempts: readonly number[];
    failures: readonly number[];
  }[];
  faults: readonly {
    kind: string;
    target: string;
    instances: readonly string[];
    fromMs: number;
    toMs: number | null;
    observed: boolean;
  }[];
  /** Calls ended and failed per bucket, over all instances; p99 latency in ms per bucket. */
  calls: readonly number[];
  failed: readonly number[];
  retries: readonly number[];
  p99Ms: readonly number[];
}
