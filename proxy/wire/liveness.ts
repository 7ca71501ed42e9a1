/** What a connection knows of whether its peer is still there, and of its own age. */

export class Liveness {
  /** When the last octets came; -1: nobody has looked yet. */
  heardNs = -1;
  /** A keepalive PING waits until then for anything to come. */
  pingDeadlineNs = Infinity;
  /** The peer closed since our PINGs come too often (gRFC A8). */
  pingedTooOften = false;
  /** How many times rarer than configured they are. */
  pingSlowness = 1;
  /** What an old connection was told, and when: nothing yet, to connect anew, which call was the last one. */
  ageStep = 0;
  ageStepNs = 0;

  /** Octets came. */
  hear(nowNs: number): void {
    this.heardNs = nowNs;
    this.pingDeadlineNs = Infinity;
  }
}
