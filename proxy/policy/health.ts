/** Whether an endpoint counts as healthy, from the results of its checks (FO-30). Pure: results in, state out. */
import type { HealthConfig } from './config.ts';

export class HealthState {
  /** Null until the first result is in. */
  healthy: boolean | null = null;
  #failuresInRow = 0;
  #successesInRow = 0;

  /** It counts as healthy, and its last check failed. */
  get onEdge(): boolean {
    return this.healthy === true && this.#failuresInRow > 0;
  }

  /** Takes one result; true when `healthy` changed. The first result counts alone. */
  record(config: Pick<HealthConfig, 'unhealthyThreshold' | 'healthyThreshold'>, success: boolean): boolean {
    if (success) {
      this.#successesInRow++;
      this.#failuresInRow = 0;
    } else {
      this.#failuresInRow++;
      this.#successesInRow = 0;
    }
    const before = this.healthy;
    if (before === null) this.healthy = success;
    else if (before && this.#failuresInRow >= config.unhealthyThreshold) this.healthy = false;
    else if (!before && this.#successesInRow >= config.healthyThreshold) this.healthy = true;
    return this.healthy !== before;
  }
}
