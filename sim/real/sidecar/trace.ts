/** The sidecar's white-box trace: lines of JSON on a descriptor of its own, turned into journal events. */
import type { Readable } from 'node:stream';
import { ATTEMPT_ENDS, ENDPOINT_CHANGES, Kind, REGISTRY_EVENTS } from '../../journal/events.ts';
import type { Recorder } from '../recorder.ts';

const LINE_CHARS_MAX = 65_536;

export interface TraceOptions {
  sidecar: number;
  recorder: Recorder;
  /** Index of the instance with this endpoint id, or -1. */
  indexOf: (endpointId: string) => number;
  /** Every change of an endpoint, after it was recorded. */
  onChange: (instance: number, change: string) => void;
  /** CPU time of the sidecar so far, in µs. */
  onCpu: (tNs: number, micros: number) => void;
}

/** Reads until the stream ends; a line that is no trace line is skipped and counted. */
export function readTrace(stream: Readable, options: TraceOptions): { readonly badLines: number } {
  const result = { badLines: 0 };
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('error', () => undefined);
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = (lines.pop() ?? '').slice(0, LINE_CHARS_MAX);
    for (const line of lines) if (line !== '' && !handleLine(line, options)) result.badLines++;
  });
  return result;
}

function handleLine(line: string, options: TraceOptions): boolean {
  let fields: unknown;
  try {
    fields = JSON.parse(line);
  } catch {
    return false;
  }
  if (!Array.isArray(fields) || typeof fields[1] !== 'number') return false;
  const { recorder, sidecar, indexOf } = options;
  const [kind, tNs] = fields as [string, number];
  const number = (at: number): number => (typeof fields[at] === 'number' ? fields[at] : -1);
  const text = (at: number): string => String(fields[at]);
  switch (kind) {
    case 'attempt.sent': {
      const attempt = number(3);
      recorder.write(
        Kind.attemptSent,
        tNs,
        number(2),
        attempt,
        indexOf(text(4)),
        -1,
        attempt === 1 ? 1 : 0,
        sidecar,
      );
      return true;
    }
    case 'response.started':
      recorder.write(Kind.responseStarted, tNs, number(2), number(3), -1, -1, -1, sidecar);
      return true;
    case 'attempt.ended': {
      const end = ATTEMPT_ENDS.indexOf(text(5) as (typeof ATTEMPT_ENDS)[number]);
      recorder.write(Kind.attemptEnded, tNs, number(2), number(3), indexOf(text(4)), number(6), end, sidecar);
      return true;
    }
    case 'call.ended':
      recorder.write(Kind.sidecarCallEnd, tNs, number(2), -1, -1, number(3), number(4), sidecar);
      return true;
    case 'endpoint.changed': {
      const instance = indexOf(text(2));
      const change = ENDPOINT_CHANGES.indexOf(text(3) as (typeof ENDPOINT_CHANGES)[number]);
      recorder.write(Kind.endpointChanged, tNs, -1, -1, instance, change, -1, sidecar);
      options.onChange(instance, text(3));
      return true;
    }
    case 'source.asked':
      recorder.write(Kind.registry, tNs, -1, -1, -1, REGISTRY_EVENTS.indexOf('watching'), -1, sidecar);
      return true;
    case 'cpu':
      options.onCpu(tNs, number(2));
      return true;
    default:
      return false;
  }
}
