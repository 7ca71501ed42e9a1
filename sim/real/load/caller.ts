/** Makes one call of the demo service over grpc-js and hashes the octets of what comes back. */
import grpc from '@grpc/grpc-js';
import { fnv1a32 } from '../../base/fnv.ts';
import { KEY_HEADER } from '../../spec/balancer.ts';
import { CHANNEL_OPTIONS, demoService } from '../instance/proto.ts';

/** grpc-status, and the hash of all reply messages' octets (0 when there was none). */
export type OnEnd = (status: number, hash: number) => void;

const pass = (octets: Buffer): Buffer => octets;

/** Calls `method` on a target with the same request each time. */
export class Caller {
  readonly #definition: grpc.MethodDefinition<object, object>;
  readonly #request: Buffer;
  readonly #channelOptions: grpc.ChannelOptions;
  readonly #clients = new Map<string, grpc.Client>();

  /** Throws Error for a method the demo service does not have. */
  constructor(method: string, requestName: string, transparentRetries = false) {
    const definition = Object.values(demoService()).find((candidate) => candidate.path === method);
    if (definition === undefined) throw new Error(`the instances have no method ${method}`);
    this.#channelOptions = transparentRetries
      ? { ...CHANNEL_OPTIONS, 'grpc.enable_retries': 1 }
      : CHANNEL_OPTIONS;
    this.#definition = definition as grpc.MethodDefinition<object, object>;
    this.#request = this.#definition.requestSerialize({ name: requestName });
  }

  /** `call` is its number for journal and headers; its key is one of `keys`, in turn. `onEnd` is called once. */
  call(address: string, call: number, keys: number, deadlineMs: number, onEnd: OnEnd): void {
    const metadata = new grpc.Metadata();
    metadata.set('x-meshwright-call', String(call));
    if (keys > 0) metadata.set(KEY_HEADER, String(call % keys));
    const options = deadlineMs > 0 ? { deadline: Date.now() + deadlineMs } : {};
    const client = this.#client(address);
    const { path, requestStream, responseStream } = this.#definition;
    if (!responseStream) {
      const done = (error: grpc.ServiceError | null, reply?: Buffer): void =>
        onEnd(error === null ? 0 : error.code, reply === undefined ? 0 : hash([reply]));
      if (!requestStream) {
        client.makeUnaryRequest(path, pass, pass, this.#request, metadata, options, done);
        return;
      }
      const stream = client.makeClientStreamRequest(path, pass, pass, metadata, options, done);
      stream.write(this.#request);
      stream.end();
      return;
    }
    const stream = this.#openStream(client, metadata, options);
    const replies: Buffer[] = [];
    stream.on('data', (reply: Buffer) => replies.push(reply));
    // The status event follows and tells more.
    stream.on('error', () => undefined);
    stream.on('status', (status: grpc.StatusObject) => onEnd(status.code, hash(replies)));
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  #openStream(
    client: grpc.Client,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
  ): grpc.ClientReadableStream<Buffer> {
    const { path, requestStream } = this.#definition;
    if (!requestStream)
      return client.makeServerStreamRequest(path, pass, pass, this.#request, metadata, options);
    const stream = client.makeBidiStreamRequest(path, pass, pass, metadata, options);
    stream.write(this.#request);
    stream.end();
    return stream;
  }

  #client(address: string): grpc.Client {
    let client = this.#clients.get(address);
    if (client === undefined) {
      client = new grpc.Client(address, grpc.credentials.createInsecure(), this.#channelOptions);
      this.#clients.set(address, client);
    }
    return client;
  }
}

function hash(replies: readonly Buffer[]): number {
  if (replies.length === 0) return 0;
  return fnv1a32(replies.length === 1 ? (replies[0] as Buffer) : Buffer.concat(replies));
}
