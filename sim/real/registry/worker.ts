/** Process entry: the registry of a real run. argv[2] is JSON: HOST:PORT and how long nobody is told a set. */
import { Registry } from '../../../proxy/registry/server.ts';
import { answerParent, toParent } from '../process/channel.ts';
import { tieToParent } from '../process/lifeline.ts';

const { listen, settleMs } = JSON.parse(process.argv[2] ?? '{}') as { listen: string; settleMs: number };
const registry = new Registry(settleMs);

tieToParent(async () => registry.close());
answerParent(async () => null);
toParent({ type: 'ready', listen: await registry.listen(listen) });
