/**
 * What single steps cost, by tinybench: HPACK, a call through two connections in memory, a pick, a call through the machine
 * with no sockets, the virtual world's queue and journal. Shown for whoever changes them; no goal hangs on them.
 */
import { Bench } from 'tinybench';
import { Sidecar } from '../../proxy/core/sidecar.ts';
import type { UpstreamPort } from '../../proxy/core/machine.ts';
import {
  BALANCER_NAMES,
  type BalancerName,
  DEFAULT_BALANCER,
  DEFAULT_SIDECAR_CONFIG,
} from '../../proxy/policy/config.ts';
import { makeBalancer } from '../../proxy/policy/make-balancer.ts';
import { RoundRobin } from '../../proxy/policy/round-robin.ts';
import { Connection } from '../../proxy/wire/connection.ts';
import { type HeaderBlock, headerBlock } from '../../proxy/wire/headers.ts';
import { HpackDecoder } from '../../proxy/wire/hpack-decoder.ts';
import { HpackEncoder } from '../../proxy/wire/hpack-encoder.ts';
import type { Link, LinkStream } from '../../proxy/wire/link.ts';
import { Output } from '../../proxy/wire/output.ts';
import { EventQueue } from '../../sim/base/event-queue.ts';
import { Kind } from '../../sim/journal/events.ts';
import { Journal } from '../../sim/journal/journal.ts';
import { seeded, TestMember } from '../unit/policy/members.ts';
import { PREFACE, QUIET, REQUEST as FIELDS, data, headers, settings } from '../unit/wire/kit.ts';
import { printRows, type Row } from './table.ts';

const REQUEST = headerBlock([
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/my_service.MyService/MyMethod'],
  [':authority', 'greeter'],
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
]);
const RESPONSE = headerBlock([
  [':status', '200'],
  ['content-type', 'application/grpc'],
]);
const TRAILERS = headerBlock([['grpc-status', '0']]);
const MESSAGE = Uint8Array.from([0, 0, 0, 0, 7, 0x0a, 5, 0x57, 0x6f, 0x72, 0x6c, 0x64]);
const FRAMES = 100;
const QUEUED = 1_000;
/** Endpoints of one service, as many as a mesh may have. */
const MANY = 10_000;

/** `--json` prints one line of JSON instead of the table. */
export default async function bench(): Promise<void> {
  const micro = new Bench({ time: 250, warmupTime: 100 });
  micro.add('HPACK: encode a block seen before', encodeKnown());
  micro.add('HPACK: decode a block of six fields', decodeBlock());
  micro.add(`frames: read ${FRAMES} of DATA, 12 octets each`, readFrames());
  micro.add('unary call through two connections in memory', callOverWire());
  micro.add('pick, round robin over 5', pick());
  for (const name of BALANCER_NAMES) {
    micro.add(`pick, ${name} among ${MANY}`, pickAmongMany(name));
    micro.add(`one of ${MANY} replaced, ${name}, and a pick`, replaceOne(name));
  }
  micro.add(`the machine is told ${MANY} endpoints, one of them new`, tellMachine());
  micro.add('call through the machine, no sockets', callThroughMachine());
  micro.add(`event queue: push and pop among ${QUEUED}`, pushAndPop());
  micro.add('journal: write an event, hash included', writeEvent());
  await micro.run();
  const rows = micro.tasks.map(({ name, result }): Row => {
    if (result.state !== 'completed') throw new Error(`${name}: ${result.state}`);
    const { p50, rme } = result.latency;
    return {
      name,
      value: p50 * 1e6,
      unit: 'ns',
      goal: null,
      note: `of which the clock some 30; ± ${rme.toFixed(1)} % of the mean`,
    };
  });
  printRows('micro', rows, process.argv.includes('--json'));
}

function encodeKnown(): () => void {
  const encoder = new HpackEncoder(4_096);
  const output = new Output();
  return () => {
    output.length = 0;
    encoder.encode(REQUEST, true, output);
  };
}

function decodeBlock(): () => void {
  const encoder = new HpackEncoder(4_096);
  const output = new Output();
  // Thrice: a field is indexed when it is seen again, so the third block is the short one.
  let start = 0;
  const decoder = new HpackDecoder(4_096, 65_536, 100);
  for (let time = 0; time < 3; time++) {
    start = output.length;
    encoder.encode(REQUEST, false, output);
    decoder.decode(output.buffer, start, output.length);
  }
  return () => void decoder.decode(output.buffer, start, output.length);
}

function readFrames(): () => void {
  const connection: Connection = new Connection('server', {
    ...QUIET,
    onData: (stream, bytes) => connection.consume(stream, bytes.length),
  });
  connection.handleBytes(Buffer.concat([PREFACE, settings(), headers(1, FIELDS, false)]));
  const frames = Buffer.concat(Array.from({ length: FRAMES }, () => data(1, MESSAGE.length)));
  return () => {
    connection.handleBytes(frames);
    if (connection.closing) throw new Error('the frames were refused');
    if (connection.hasOutput) connection.recycle(connection.takeOutput());
  };
}

function callOverWire(): () => void {
  const server: Connection = new Connection('server', {
    ...QUIET,
    onHeaders: (stream) => server.sendHeaders(stream, RESPONSE, false),
    onData(stream, bytes) {
      server.consume(stream, bytes.length);
      server.sendData(stream, bytes, false);
      server.sendTrailers(stream, TRAILERS);
    },
  });
  const client: Connection = new Connection('client', {
    ...QUIET,
    onData: (stream, bytes) => client.consume(stream, bytes.length),
  });
  const move = (): void => {
    while (client.hasOutput || server.hasOutput) {
      pass(client, server);
      pass(server, client);
    }
  };
  move();
  return () => {
    const stream = client.openStream(null, REQUEST, 1e9, 0, false);
    client.sendData(stream, MESSAGE, true);
    move();
  };
}

function pass(from: Connection, to: Connection): void {
  if (!from.hasOutput) return;
  const taken = from.takeOutput();
  to.handleBytes(taken);
  from.recycle(taken);
}

function pick(): () => void {
  const balancer = new RoundRobin<TestMember>(0);
  const members = ['a', 'b', 'c', 'd', 'e'].map((name) => new TestMember(name));
  balancer.membersChanged(members, members, []);
  return () => void balancer.pick();
}

/** Weights from 1 to 3 where they count; every member has answered once and has a few calls under way. */
function crowd(name: BalancerName, count: number) {
  const balancer = makeBalancer<TestMember>({ ...DEFAULT_BALANCER, name }, seeded(1));
  const members = Array.from({ length: count }, (_, at) => memberAt(name, at));
  balancer.membersChanged(members, members, []);
  for (const member of members) balancer.attemptTimed(member, 1e9, 1e6, 'answered');
  balancer.pick(1e9, 0);
  return { balancer, members };
}

function memberAt(name: BalancerName, at: number): TestMember {
  const weighs = name === 'weighted_round_robin' || name === 'ring_hash' || name === 'maglev';
  const address = `10.${at >>> 16}.${(at >>> 8) & 255}.${at & 255}:50051`;
  const member = new TestMember(address, weighs ? 1 + (at % 3) : 1);
  member.active = at % 4;
  return member;
}

function pickAmongMany(name: BalancerName): () => void {
  const { balancer } = crowd(name, MANY);
  let key = 1;
  return () => {
    key = Math.imul(key, 48_271) >>> 0;
    balancer.pick(1e9, key);
  };
}

function replaceOne(name: BalancerName): () => void {
  const { balancer, members } = crowd(name, MANY);
  let next = MANY;
  return () => {
    const at = next % MANY;
    const gone = members[at] as TestMember;
    members.splice(at, 1);
    const fresh = memberAt(name, next++);
    members.push(fresh);
    balancer.membersChanged(members, [fresh], [gone]);
    balancer.pick(1e9, next);
  };
}

/** Discovery's whole way into the machine: the set as it stands, compared with the last one. */
function tellMachine(): () => void {
  const environment = { dial: (port: UpstreamPort) => port.handleConnected(new IdleLink()) };
  const sidecar = new Sidecar(DEFAULT_SIDECAR_CONFIG, environment, null, () => 0);
  sidecar.advance(1e9);
  const endpoints = Array.from({ length: MANY }, (_, at) => memberAt('round_robin', at).endpoint);
  sidecar.handleEndpoints(endpoints);
  let next = MANY;
  return () => {
    endpoints[next % MANY] = memberAt('round_robin', next++).endpoint;
    sidecar.handleEndpoints(endpoints);
  };
}

/** A link on which nothing happens: it remembers the last stream it opened. */
class IdleLink implements Link {
  readonly streamCapacity = 100;
  readonly peerReads = true;
  readonly pingedTooOften = false;
  last: LinkStream = { id: 1, user: null, queuedBytes: 0, narrow: false };

  openStream(user: unknown, _request: HeaderBlock): LinkStream {
    this.last = { id: 1, user, queuedBytes: 0, narrow: false };
    return this.last;
  }
  sendHeaders(): void {}
  sendData(): void {}
  sendTrailers(): void {}
  resetStream(): void {}
  consume(): void {}
  widen(): void {}
  slowPings(): void {}
  goAway(): void {}
  close(): void {}
}

function callThroughMachine(): () => void {
  const dialled: UpstreamPort[] = [];
  const environment = { dial: (port: UpstreamPort) => void dialled.push(port) };
  const sidecar = new Sidecar(DEFAULT_SIDECAR_CONFIG, environment, null, () => 0);
  let nowNs = 1e9;
  sidecar.advance(nowNs);
  sidecar.handleEndpoints([{ address: '127.0.0.1:1', id: 'one', draining: false }]);
  const upstream = new IdleLink();
  const port = dialled[0] as UpstreamPort;
  port.handleConnected(upstream);
  const session = sidecar.acceptDownstream();
  session.attach(new IdleLink());
  return () => {
    nowNs += 1_000;
    sidecar.advance(nowNs);
    session.onHeaders({ id: 1, user: null, queuedBytes: 0, narrow: false }, REQUEST, true);
    const stream = upstream.last;
    port.onHeaders(stream, RESPONSE, false);
    port.onData(stream, MESSAGE, false);
    port.onTrailers(stream, TRAILERS);
  };
}

function pushAndPop(): () => void {
  const queue = new EventQueue();
  let step = 1;
  const next = (): number => {
    step = (step * 48_271) % 2_147_483_647;
    return step % 1_000_000;
  };
  for (let count = 0; count < QUEUED; count++) queue.push(next(), 0);
  return () => {
    const { nextNs } = queue;
    queue.push(nextNs + next(), queue.pop());
  };
}

function writeEvent(): () => void {
  const journal = new Journal({ retain: false });
  let tNs = 0;
  return () => journal.write(Kind.callEnd, ++tNs, 1, -1, 2, 0, 0, 0);
}
