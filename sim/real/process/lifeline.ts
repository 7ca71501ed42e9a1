/**
 * The child's half of "nothing is left behind": a worker lives only as long as the channel to the process that started
 * it. Whatever ends the parent, SIGKILL too, closes the channel.
 */

/** Exits when the parent is gone, after `before` (at most 1 s). Call it first. */
export function tieToParent(before: () => Promise<void> = async () => undefined): void {
  const leave = (): void => {
    setTimeout(() => process.exit(0), 1_000).unref();
    before().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once('disconnect', leave);
  if (!process.connected) leave();
  // Ctrl-C goes to the runner, which then ends its children in order.
  process.on('SIGINT', () => undefined);
  process.once('SIGTERM', leave);
}
