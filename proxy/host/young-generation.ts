/**
 * Bounds V8's young generation. It doubles whenever much survives, as when thousands of streams open at once, and hardly ever shrinks, so that it
 * becomes most of what a stream takes of memory. Nor may it be too small: each collection is a pause.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** Both halves together. */
export const YOUNG_BYTES = 8 << 20;

/** From this size on it grows no more. Called when the process is ready. */
export function boundYoungGeneration(): void {
  const observer = new PerformanceObserver(() => {
    if (youngBytes() < YOUNG_BYTES) return;
    setFlagsFromString('--semi-space-growth-factor=1');
    observer.disconnect();
  });
  observer.observe({ entryTypes: ['gc'] });
}

function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0;
}
