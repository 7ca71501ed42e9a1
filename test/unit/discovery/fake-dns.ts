/** A DNS server on loopback (UDP) that says what a test wants. */
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';

const TYPES: Readonly<Record<number, string>> = { 1: 'A', 28: 'AAAA', 33: 'SRV' };
const NXDOMAIN = 3;

export interface SrvRecord {
  priority: number;
  weight: number;
  port: number;
  target: string;
}

/** What a question gets: records, nothing of that kind, no such name, silence, or octets that are no answer. */
export type Answer =
  | { ttl: number; addresses?: readonly string[]; targets?: readonly SrvRecord[] }
  | 'empty'
  | 'nxdomain'
  | 'silence'
  | 'garbage'
  | 'servfail';

export interface FakeDns {
  /** IP:PORT. */
  address: string;
  /** `NAME TYPE` to its answer; what is not there gets `empty`. */
  answers: Map<string, Answer>;
  /** When each question came, in ms. */
  asked: { question: string; atMs: number }[];
  close(): Promise<void>;
}

export async function startDns(answers: Record<string, Answer> = {}): Promise<FakeDns> {
  const socket = createSocket('udp4');
  const map = new Map(Object.entries(answers));
  const asked: FakeDns['asked'] = [];
  socket.on('message', (query, { port, address }) => {
    const { name, type, end } = questionOf(query);
    const question = `${name} ${TYPES[type] ?? type}`;
    asked.push({ question, atMs: performance.now() });
    const answer = map.get(question) ?? 'empty';
    if (answer === 'silence') return;
    socket.send(
      answer === 'garbage' ? garbage(query) : reply(query.subarray(0, end), type, answer),
      port,
      address,
    );
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const close = () => new Promise<void>((resolve) => socket.close(() => resolve()));
  return { address: `127.0.0.1:${socket.address().port}`, answers: map, asked, close };
}

function questionOf(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] as number; length > 0; length = query[at] as number) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

/** The head says that an answer follows; what follows is none. */
function garbage(query: Buffer): Buffer {
  const head = Buffer.from(query.subarray(0, 12));
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(9, 6);
  return Buffer.concat([head, Buffer.alloc(40, 0xff)]);
}

function reply(question: Buffer, type: number, answer: Exclude<Answer, 'silence' | 'garbage'>): Buffer {
  const head = Buffer.from(question);
  const code = answer === 'nxdomain' ? NXDOMAIN : answer === 'servfail' ? 2 : 0;
  head.writeUInt16BE(0x8180 | code, 2);
  const data = typeof answer === 'string' ? [] : dataOf(answer);
  head.writeUInt16BE(data.length, 6);
  head.fill(0, 8, 12);
  const ttl = typeof answer === 'string' ? 0 : answer.ttl;
  const records = data.map((octets) => {
    const record = Buffer.alloc(12);
    record.writeUInt16BE(0xc00c, 0);
    record.writeUInt16BE(type, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt32BE(ttl, 6);
    record.writeUInt16BE(octets.length, 10);
    return Buffer.concat([record, octets]);
  });
  return Buffer.concat([head, ...records]);
}

function dataOf({ addresses = [], targets = [] }: Exclude<Answer, string>): Buffer[] {
  return [
    ...addresses.map((text) => (isIPv6(text) ? loopback6() : Buffer.from(text.split('.').map(Number)))),
    ...targets.map(({ priority, weight, port, target }) => {
      const head = Buffer.alloc(6);
      [priority, weight, port].forEach((value, index) => head.writeUInt16BE(value, index * 2));
      return Buffer.concat([head, ...target.split('.').map(label), Buffer.alloc(1)]);
    }),
  ];
}

const label = (text: string): Buffer => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);

/** ::1, the one that tests use. */
function loopback6(): Buffer {
  const octets = Buffer.alloc(16);
  octets[15] = 1;
  return octets;
}
