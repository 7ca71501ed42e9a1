/** docs/attacks.md: every row of the table of attacks, what answers it, and what was measured in both arms. */
import { ErrorCode } from '../../proxy/wire/protocol.ts';
import type { Row } from './measured.ts';
import type { ProcessOutcome } from './process-run.ts';
import type { Outcome } from './run-row.ts';

/** A row with what its arms measured; `overSockets` is a reason where that arm has no such row. */
export type Entry = readonly [row: Row, inMemory: Outcome, overSockets: ProcessOutcome | string];

const NAMES = new Map<number, string>(Object.entries(ErrorCode).map(([name, code]) => [code, name]));

export function attacksPage(entries: readonly Entry[]): string {
  const ran = entries.filter(([, , outcome]) => typeof outcome !== 'string').length;
  const complaints = entries.flatMap(([, inMemory, outcome]) => [
    ...inMemory.complaints,
    ...(typeof outcome === 'string' ? [] : outcome.complaints),
  ]);
  return [
    '# Attacks',
    '',
    'What a hostile caller (role server) or a hostile endpoint (role client) can send, what the sidecar answers, and what it costs.',
    'Each row runs against the whole machine in memory, where every octet and attempt is counted, and against a process over real',
    'sockets, beside an innocent caller who must lose nothing. `npm run attacks` runs both and writes this page.',
    '',
    `${entries.length} rows in memory, ${ran} of them over sockets; ${complaints.length} complaints.`,
    '',
    '- *held*: octets in the connection at most (in memory). *grown*: resident memory of the process at most, above what it had before;',
    '  steps of some MiB are V8 and its read buffers, so a small attack shows what any first call costs.',
    '- *attempts*: alive at the upstream at most, the innocent caller included. *innocent*: answered of made.',
    '',
    '| class | role | attack | answer | octets sent | held | attempts | grown KiB | innocent |',
    '|---|---|---|---|---|---|---|---|---|',
    ...entries.map(line),
    '',
  ].join('\n');
}

/** What the row must be answered with. */
export function answerOf({ goAway, resets }: Row): string {
  if (goAway !== undefined) return `GOAWAY ${NAMES.get(goAway) ?? goAway}`;
  return resets === undefined ? 'bounded, goes on' : `RST_STREAM ${NAMES.get(resets[0]) ?? resets[0]}`;
}

/** How a line begins, for whoever asks whether the page is complete. */
export function lineStart(row: Row): string {
  return `| ${row.n} | ${row.role} | ${row.name.replaceAll('|', '/')} | ${answerOf(row)} |`;
}

function line([row, { measured }, outcome]: Entry): string {
  const { octetsIn, bufferedMax, attemptsMax } = measured;
  const base = `${lineStart(row)} ${octetsIn} | ${bufferedMax} | ${attemptsMax} |`;
  if (typeof outcome === 'string') return `${base} not over sockets: ${outcome} | |`;
  const { innocentAnswered, innocentCalls, servedByHonest } = outcome.measured;
  const due = row.role === 'server' ? innocentCalls : servedByHonest;
  return `${base} ${Math.round(outcome.grownBytes / 1_024)} | ${innocentAnswered} of ${due} |`;
}
