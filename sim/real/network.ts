/** The network between sidecars and instances: Toxiproxy in a process of its own, or an external one and its keeper. */
import type { Child } from './process/child.ts';
import { entryPath } from './process/entry.ts';
import type { ProcessTable } from './process/table.ts';
import { ToxiproxyDriver } from './toxiproxy/driver.ts';
import { externalToxiproxy } from './toxiproxy/origin.ts';

/** Starts it. Throws MW_TOXIPROXY or MW_PROCESS. */
export async function startNetwork(options: {
  table: ProcessTable;
  seed: number;
  runId: string;
  url: string | undefined;
}): Promise<{ driver: ToxiproxyDriver; external: boolean }> {
  const { table, seed, runId } = options;
  const prefix = `${runId}-`;
  const external = externalToxiproxy(options.url);
  const start = (name: string, config: object): Child =>
    table.start({
      name,
      script: entryPath('sim/real/toxiproxy/worker'),
      args: [JSON.stringify(config)],
      kind: 'ipc',
    });
  if (external !== null) {
    const driver = new ToxiproxyDriver({ url: external, external: true, prefix });
    await driver.connect();
    await start('keeper of Toxiproxy', { external, prefix }).ready();
    return { driver, external: true };
  }
  const { url } = await start('toxiproxy', { seed }).ready();
  const driver = new ToxiproxyDriver({ url: String(url), external: false, prefix });
  await driver.connect();
  return { driver, external: false };
}
