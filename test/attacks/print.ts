/** The table of what was measured, for people. */
import type { Row } from './measured.ts';
import type { Outcome } from './run-row.ts';

export function printTable(outcomes: readonly (readonly [Row, Outcome])[]): void {
  const lines = outcomes.map(([row, { measured, complaints }]) =>
    [
      String(row.n).padStart(2),
      row.role,
      row.name.slice(0, 52).padEnd(52),
      String(measured.octetsIn).padStart(8),
      String(measured.closedAtOctet < 0 ? '-' : measured.closedAtOctet).padStart(8),
      String(measured.goAway < 0 ? '-' : measured.goAway).padStart(4),
      String(measured.resets.size).padStart(5),
      String(measured.streamsMax).padStart(7),
      String(measured.attemptsMax).padStart(8),
      String(measured.bufferedMax).padStart(8),
      `${measured.innocentAnswered}/${row.role === 'server' ? measured.innocentCalls : measured.servedByHonest}`.padStart(
        9,
      ),
      complaints.length === 0 ? 'ok' : complaints.join('; '),
    ].join('  '),
  );
  const head =
    ' n  role    attack'.padEnd(66) +
    'octets in  closed at  code  RSTs  streams  attempts  buffered  neighbour';
  console.log([head, ...lines].join('\n'));
}
