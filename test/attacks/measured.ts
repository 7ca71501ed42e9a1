/** What one row of the attack table measured, and the row's own shape. */
import type { ConnectionRole } from '../../proxy/wire/connection.ts';
import type { WireLimits } from '../../proxy/wire/limits.ts';
import type { Rig } from './rig.ts';

export interface Measured {
  octetsIn: number;
  octetsOut: number;
  /** -1: never closed. */
  closedAtOctet: number;
  goAway: number;
  reason: string;
  politeGoAway: boolean;
  plainLine: string;
  readonly resets: Map<number, number>;
  answers: number;
  dataFrames: number;
  bufferedMax: number;
  streamsMax: number;
  attemptsMax: number;
  attemptsStarted: number;
  /** Gauges that are not at zero again. */
  leftBehind: string;
  innocentCalls: number;
  innocentAnswered: number;
  innocentEnded: number;
  servedByHonest: number;
}

export function emptyMeasured(): Measured {
  return {
    octetsIn: 0,
    octetsOut: 0,
    closedAtOctet: -1,
    goAway: -1,
    reason: '',
    politeGoAway: false,
    plainLine: '',
    resets: new Map(),
    answers: 0,
    dataFrames: 0,
    bufferedMax: 0,
    streamsMax: 0,
    attemptsMax: 0,
    attemptsStarted: 0,
    leftBehind: '',
    innocentCalls: 0,
    innocentAnswered: 0,
    innocentEnded: 0,
    servedByHonest: 0,
  };
}

/** One attack. Without `goAway` the connection must live; without `resets` no stream may be reset. */
export interface Row {
  /** Class of attack, 1 to 40. */
  readonly n: number;
  readonly name: string;
  readonly role: ConnectionRole;
  readonly pieces: readonly Buffer[];
  readonly goAway?: number;
  /** The code of every reset we send, and how many at least. */
  readonly resets?: readonly [code: number, atLeast: number];
  /** Milliseconds between pieces. */
  readonly paceMs?: number;
  /** It needs what comes back between its pieces: who sends without waiting would break flow control, or outlive a deadline. */
  readonly waits?: boolean;
  /** Time that passes after the pieces. */
  readonly afterMs?: number;
  readonly reads?: boolean;
  readonly open?: number;
  readonly opening?: Buffer;
  readonly limits?: Partial<WireLimits>;
  /** Octets that may be held, where queued replies come on top. */
  readonly bufferedMax?: number;
  /** Limits without which this row must fail. */
  readonly guards?: readonly (keyof WireLimits)[];
  /** More that must hold; '' or what is wrong. */
  readonly check?: (measured: Measured, rig: Rig) => string;
}
