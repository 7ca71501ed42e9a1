/** All rows, by class. */
import type { Row } from './measured.ts';
import { BOTH_ROWS } from './rows-both.ts';
import { CLIENT_ROWS } from './rows-client.ts';
import { SERVER_TIME_ROWS } from './rows-server-time.ts';
import { SERVER_ROWS } from './rows-server.ts';

export const ROWS: readonly Row[] = [...SERVER_ROWS, ...SERVER_TIME_ROWS, ...CLIENT_ROWS, ...BOTH_ROWS].sort(
  (a, b) => a.n - b.n,
);
