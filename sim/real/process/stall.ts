/** Notices when this process's event loop stood still: what was measured meanwhile says nothing about the mesh. */

const TICK_MS = 50;
const STALL_MS = 250;

/** Calls `onStall` with the time after the gap and its length in ms. Returns how to stop watching. */
export function watchStalls(now: () => number, onStall: (tNs: number, ms: number) => void): () => void {
  let lastNs = now();
  const timer = setInterval(() => {
    const tNs = now();
    const lateMs = (tNs - lastNs) / 1e6 - TICK_MS;
    lastNs = tNs;
    if (lateMs > STALL_MS) onStall(tNs, Math.round(lateMs));
  }, TICK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
