/** Process entry: the registry of a real run. argv[2] is JSON: see Config. */
import { Access } from '../../../proxy/registry/access.ts';
import { Registry } from '../../../proxy/registry/server.ts';
import { answerParent, toParent } from '../process/channel.ts';
import { tieToParent } from '../process/lifeline.ts';

interface Config {
  listen: string;
  /** How long nobody is told a set. */
  settleMs: number;
  lapseShareMax: number;
}

const { listen, settleMs, lapseShareMax } = JSON.parse(process.argv[2] ?? '{}') as Config;
const registry = new Registry(settleMs, new Access(), lapseShareMax);

tieToParent(async () => registry.close());
answerParent(async () => null);
toParent({ type: 'ready', listen: await registry.listen(listen) });
