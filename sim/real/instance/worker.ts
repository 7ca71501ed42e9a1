/** Process entry: hosts one or more instances. argv[2] is JSON: see WorkerConfig. */
import type { LoadFacts } from '../../base/load-meter.ts';
import type { FailRule } from '../../faults/controls.ts';
import { Kind, REGISTRY_EVENTS } from '../../journal/events.ts';
import type { Latency } from '../../spec/scenario.ts';
import { answerParent, type Request, toParent } from '../process/channel.ts';
import { runClock } from '../process/clock.ts';
import { EventBuffer } from '../process/event-buffer.ts';
import { tieToParent } from '../process/lifeline.ts';
import { type Member, Membership } from '../../../proxy/registry/membership.ts';
import { type Instance, startInstance } from './instance.ts';

interface WorkerConfig {
  epochNs: string;
  seed: number;
  latency: Latency;
  /** By instance; none: they say nothing of their load. */
  loads: readonly LoadFacts[];
  /** Send events at the end of each turn, for this process may be killed; else in batches. */
  eager: boolean;
}

const BATCH_MS = 50;
const STOP_GRACE_MS = 10_000;

const config = JSON.parse(process.argv[2] ?? '{}') as WorkerConfig;
const events = new EventBuffer((fields) => toParent({ type: 'events', fields }));
const now = runClock(BigInt(config.epochNs));
const instances = new Map<number, Instance>();
/** In the registry, where there is one. */
const memberships = new Map<number, Membership>();
let flushing = false;

tieToParent(async () => events.flush());
answerParent(handle);
if (!config.eager) setInterval(() => events.flush(), BATCH_MS);
toParent({ type: 'ready' });

async function handle(request: Request): Promise<unknown> {
  const index = request['instance'] as number;
  const instance = instances.get(index);
  switch (request.op) {
    case 'start':
      return start(index);
    case 'register':
      register(index, request['registry'] as string, request['member'] as Member);
      break;
    case 'leave':
      await leave(index);
      break;
    case 'mute':
      mute(index, request['muted'] as boolean);
      break;
    case 'stop':
      instances.delete(index);
      await leave(index);
      await instance?.stop(STOP_GRACE_MS);
      break;
    case 'crash':
      instances.delete(index);
      memberships.get(index)?.abandon();
      memberships.delete(index);
      instance?.crash();
      break;
    case 'fail':
      instance?.service.rules.set(request['fault'] as number, request['rule'] as FailRule | null);
      break;
    case 'flush':
      break;
    default:
      throw new Error(`unknown request ${request.op}`);
  }
  events.flush();
  return null;
}

function register(index: number, registry: string, member: Member): void {
  const onAsk = (kind: 'register' | 'heartbeat'): void => {
    const event = REGISTRY_EVENTS.indexOf(kind === 'register' ? 'registering' : 'renewing');
    events.add(Kind.registry, now(), -1, -1, index, event, -1, -1);
    onEvent();
  };
  memberships.set(index, new Membership(registry, member, { onAsk }));
}

async function leave(index: number): Promise<void> {
  const membership = memberships.get(index);
  memberships.delete(index);
  await membership?.leave();
}

function mute(index: number, muted: boolean): void {
  const membership = memberships.get(index);
  if (membership !== undefined) membership.muted = muted;
}

async function start(index: number): Promise<number> {
  const { seed, latency, loads } = config;
  const load = loads[index] ?? null;
  const instance = await startInstance({ seed, latency, load, instance: index, now, events, onEvent });
  instances.set(index, instance);
  return instance.port;
}

/** What was sent before a SIGKILL arrives; what waits in here is lost. */
function onEvent(): void {
  if (!config.eager || flushing) return;
  flushing = true;
  setImmediate(() => {
    flushing = false;
    events.flush();
  });
}
