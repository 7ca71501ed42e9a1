/**
 * Process entry: the embedded Toxiproxy of one run, or, for an external one, the keeper that takes the run's proxies
 * away when the runner is gone. argv[2] is JSON: { seed } or { external, prefix }.
 */
import { answerParent, toParent } from '../process/channel.ts';
import { tieToParent } from '../process/lifeline.ts';
import { startToxiproxy } from './server.ts';

const config = JSON.parse(process.argv[2] ?? '{}') as { seed?: number; external?: string; prefix?: string };

if (config.external === undefined) {
  tieToParent();
  answerParent(async () => null);
  const server = await startToxiproxy({ listen: '127.0.0.1:0', seed: config.seed ?? 1 });
  toParent({ type: 'ready', url: server.url });
} else {
  const { external, prefix = '' } = config;
  tieToParent(() => removeProxies(external, prefix));
  answerParent(async () => null);
  toParent({ type: 'ready', url: external });
}

async function removeProxies(url: string, prefix: string): Promise<void> {
  const signal = AbortSignal.timeout(900);
  const proxies = (await (await fetch(`${url}/proxies`, { signal })).json()) as Record<string, unknown>;
  const ours = Object.keys(proxies).filter((name) => prefix !== '' && name.startsWith(prefix));
  await Promise.allSettled(ours.map((name) => fetch(`${url}/proxies/${name}`, { method: 'DELETE', signal })));
}
