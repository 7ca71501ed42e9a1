/**
 * Process entry: the callers of a run. Open loop without coordinated omission (a call begins when it was meant to, not
 * when this process got to it), or closed loop. argv[2] is JSON: see LoadConfig.
 */
import { Kind } from '../../journal/events.ts';
import type { LoadSpec } from '../../spec/scenario.ts';
import { answerParent, type Request, toParent } from '../process/channel.ts';
import { runClock } from '../process/clock.ts';
import { EventBuffer } from '../process/event-buffer.ts';
import { tieToParent } from '../process/lifeline.ts';
import { watchStalls } from '../process/stall.ts';
import { arrivalTimes } from './arrivals.ts';
import { Caller } from './caller.ts';

interface LoadConfig {
  epochNs: string;
  seed: number;
  transparentRetries: boolean;
}

/** What is asked of `begin`: a load with its defaults filled in. */
export type FullLoad = LoadSpec & {
  method: string;
  deadlineMs: number;
  requestName: string;
  directShare: number;
};

interface Direct {
  instance: number;
  address: string;
}

const BATCH_MS = 50;
const IN_FLIGHT_MAX = 20_000;
/** Calls sent before the loop is given back to answers. */
const BURST_MAX = 64;

const config = JSON.parse(process.argv[2] ?? '{}') as LoadConfig;
const events = new EventBuffer((fields) => toParent({ type: 'events', fields }));
const now = runClock(BigInt(config.epochNs));
let sidecars: string[] = [];
let directs: Direct[] = [];
let nextCall = 0;
let inFlight = 0;
let running = 0;
let proxied = 0;
let directed = 0;
let owedDirect = 0;
let lagMaxNs = 0;

tieToParent(async () => events.flush());
setInterval(() => events.flush(), BATCH_MS);
answerParent(handle);
toParent({ type: 'ready' });

async function handle(request: Request): Promise<unknown> {
  switch (request.op) {
    case 'targets':
      sidecars = request['sidecars'] as string[];
      directs = request['directs'] as Direct[];
      return null;
    case 'begin':
      return begin(request['load'] as FullLoad, request['index'] as number);
    case 'flush':
      events.flush();
      return { inFlight, running, lagMaxMs: lagMaxNs / 1e6 };
    default:
      throw new Error(`unknown request ${request.op}`);
  }
}

/** Answers when the load has begun, with its first moment. */
function begin(load: FullLoad, index: number): number {
  const caller = new Caller(load.method, load.requestName, config.transparentRetries);
  const stopWatch = watchStalls(now, (tNs, ms) => events.add(Kind.stall, tNs, -1, -1, -1, -1, ms, -1));
  const startNs = now();
  running++;
  const ended = (): void => {
    running--;
    stopWatch();
    settled();
  };
  if (load.kind === 'open') openLoop(caller, load, index, startNs, ended);
  else closedLoop(caller, load, startNs, ended);
  return startNs;
}

function openLoop(
  caller: Caller,
  load: FullLoad & { kind: 'open' },
  index: number,
  startNs: number,
  ended: () => void,
): void {
  const { ratePerSecond, arrivals, forMs } = load;
  const times = arrivalTimes({ ratePerSecond, arrivals, forMs, seed: config.seed + index * 7_919 });
  let due = times.next();
  const send = (): void => {
    for (let sent = 0; sent < BURST_MAX && due.done !== true; sent++) {
      const dueNs = startNs + Math.round(due.value * 1e6);
      const waitNs = dueNs - now();
      if (waitNs > 500_000) {
        setTimeout(send, waitNs / 1e6);
        return;
      }
      lagMaxNs = Math.max(lagMaxNs, -waitNs);
      if (!makeCall(caller, load, Math.min(dueNs, now()), () => undefined)) {
        ended();
        return;
      }
      due = times.next();
    }
    if (due.done === true) waitUntil(startNs + forMs * 1e6, ended);
    else setImmediate(send);
  };
  send();
}

function closedLoop(
  caller: Caller,
  load: FullLoad & { kind: 'closed' },
  startNs: number,
  ended: () => void,
): void {
  const endNs = startNs + load.forMs * 1e6;
  const next = (): void => {
    if (now() >= endNs) return;
    makeCall(caller, load, now(), () => {
      // A failing call may end at once: without a pause a broken mesh would be hammered.
      setTimeout(next, Math.max(load.thinkMs, 1));
    });
  };
  for (let client = 0; client < load.clients; client++) next();
  waitUntil(endNs, ended);
}

/** False when there are more calls in flight than this process can carry: the run is told. */
function makeCall(caller: Caller, load: FullLoad, startNs: number, onEnd: () => void): boolean {
  if (inFlight >= IN_FLIGHT_MAX) {
    toParent({
      type: 'failed',
      message: `more than ${IN_FLIGHT_MAX} calls in flight; lower the load's rate or deadline`,
    });
    return false;
  }
  const call = nextCall++;
  const target = chooseTarget(load.directShare);
  inFlight++;
  const { instance, sidecar, address } = target;
  const code = instance >= 0 ? 1 : 0;
  events.add(Kind.callStart, startNs, call, -1, instance, code, load.deadlineMs, sidecar);
  const end = (status: number, hash: number): void => {
    inFlight--;
    events.add(Kind.callEnd, now(), call, -1, instance, status, hash, sidecar);
    onEnd();
    settled();
  };
  // Nobody to call: UNAVAILABLE, as a channel without a connection would say.
  if (address === null) setImmediate(end, 14, 0);
  else caller.call(address, call, load.keys ?? 0, load.deadlineMs, end);
  return true;
}

interface CallTarget {
  instance: number;
  sidecar: number;
  address: string | null;
}

/** Sidecars in turn; of every 1/share calls one goes directly to an instance, also in turn. */
function chooseTarget(directShare: number): CallTarget {
  owedDirect += sidecars.length === 0 ? 1 : directShare;
  // Sums of tenths end a little below one.
  const due = owedDirect >= 1 - 1e-9;
  if (due && (directs.length > 0 || sidecars.length === 0)) {
    owedDirect -= 1;
    const direct = directs[directed++ % Math.max(1, directs.length)];
    return { instance: direct?.instance ?? -1, sidecar: -1, address: direct?.address ?? null };
  }
  if (due) owedDirect -= 1;
  // A sidecar without an address takes no new callers.
  for (let left = sidecars.length; left > 1 && sidecars[proxied % sidecars.length] === ''; left--) proxied++;
  const sidecar = proxied++ % sidecars.length;
  return { instance: -1, sidecar, address: sidecars[sidecar] || null };
}

function waitUntil(atNs: number, then: () => void): void {
  setTimeout(then, Math.max(0, (atNs - now()) / 1e6));
}

/** The load is over and every call has its answer. */
function settled(): void {
  if (running > 0 || inFlight > 0) return;
  events.flush();
  toParent({ type: 'settled' });
}
