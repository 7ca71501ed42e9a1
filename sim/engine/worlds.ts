/** Makes worlds by name. Each is imported only when asked for, so that a virtual run never loads gRPC. */
import type { World, WorldOptions } from '../spec/world.ts';

export type WorldName = 'virtual' | 'real';
export type WorldFactory = (options: WorldOptions) => World | Promise<World>;

export async function createWorld(name: WorldName, options: WorldOptions): Promise<World> {
  if (name === 'virtual') {
    const { createVirtualWorld } = await import('../virtual/world.ts');
    return createVirtualWorld({ ...options, yieldControl });
  }
  const { createRealWorld } = await import('../real/world.ts');
  return createRealWorld(options);
}

/** Lets timers, messages and Ctrl-C be heard while virtual time passes. */
function yieldControl(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
