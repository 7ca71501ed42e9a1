/**
 * Bounds V8's young generation. It doubles whenever much survives, as when thousands of streams open at once, and hardly ever shrinks, so that it
 * becomes most of what a stream takes of memory; and a large one takes longer to go through, in which calls wait.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** Both halves together. What a sidecar has by the time it is ready. */
export const YOUNG_BYTES = 4 << 20;

/** From this size on it grows no more. Called when the process is ready. */
export function boundYoungGeneration(): void {
  // Little survives a call: to wake other threads for it costs more than they save, on cores that others want.
  setFlagsFromString('--no-parallel-scavenge');
  const observer = new PerformanceObserver(bound);
  observer.observe({ entryTypes: ['gc'] });
  bound();

  function bound(): void {
    if (youngBytes() < YOUNG_BYTES) return;
    setFlagsFromString('--semi-space-growth-factor=1');
    observer.disconnect();
  }
}

function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0;
}
