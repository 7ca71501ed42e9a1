/** Endpoints from a registry of leases: watches one service. While the registry is away the last good set stays. */
import * as grpc from '@grpc/grpc-js';
import { parseWeighted } from '../policy/address.ts';
import type { Endpoint } from '../policy/config.ts';
import { reconnectNs } from '../policy/reconnect.ts';
import { CHANNEL, type EndpointSetMessage, registryMethod } from '../registry/protos.ts';
import { type ChannelTls, channelTls } from '../registry/channel-tls.ts';
import { tokenOf } from '../registry/token-file.ts';
import type { EndpointSource, SourceEvents } from './source.ts';

export interface RegistryConfig {
  /** HOST:PORT of the registry. */
  address: string;
  service: string;
  /** Null: in the clear. */
  tls: ChannelTls | null;
  /** Read anew for each stream; null: none is shown. */
  tokenFile: string | null;
}

export class RegistrySource implements EndpointSource {
  trouble: string | null = null;
  readonly #config: RegistryConfig;
  readonly #events: SourceEvents;
  readonly #credentials: grpc.ChannelCredentials;
  readonly #options: grpc.ChannelOptions;
  #channel: grpc.Client | null = null;
  #stream: grpc.ClientReadableStream<EndpointSetMessage> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #failures = 0;
  #version = 0;
  /** Highest on this stream: a registry that was restarted may count anew. */
  #newest = 0;
  #endpoints = 0;
  #told = '';
  #closed = false;

  /** Throws a SidecarError for a file that cannot be used. */
  constructor(config: RegistryConfig, events: SourceEvents) {
    this.#config = config;
    this.#events = events;
    const { credentials, options } = channelTls(config.tls, 'registry');
    this.#credentials = credentials;
    this.#options = { ...CHANNEL, ...options };
    this.#open(tokenOf(config.tokenFile));
  }

  view(): object {
    const connected = this.trouble === null && this.#version > 0;
    return {
      kind: 'registry',
      address: this.#config.address,
      service: this.#config.service,
      connected,
      version: this.#version,
      endpoints: this.#endpoints,
    };
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#end();
  }

  #open(metadata: grpc.Metadata): void {
    this.#newest = 0;
    this.#events.onAsked?.();
    const { address, service } = this.#config;
    const client = new grpc.Client(address, this.#credentials, this.#options);
    const { path, requestSerialize, responseDeserialize } = registryMethod<object, EndpointSetMessage>(
      'Watch',
    );
    const stream = client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      { service },
      metadata,
    );
    this.#channel = client;
    this.#stream = stream;
    stream.on('error', () => {});
    stream.on('data', (set: EndpointSetMessage) => {
      if (stream === this.#stream) this.#take(set);
    });
    stream.on('status', ({ code, details }: grpc.StatusObject) => {
      if (stream === this.#stream) this.#lost(`${grpc.status[code]}, ${details.slice(0, 200)}`);
    });
  }

  #take(set: EndpointSetMessage): void {
    if (set.version < this.#newest) {
      this.#report(`its version goes back from ${this.#newest} to ${set.version}`);
      return;
    }
    this.#newest = set.version;
    const endpoints: Endpoint[] = [];
    const seen = new Set<string>();
    for (const { address, weight } of set.endpoints) {
      if (parseWeighted(`${address}=${weight}`) === null) {
        this.#report(`it told ${JSON.stringify(address.slice(0, 100))}, which is no HOST:PORT with a weight`);
        return;
      }
      // One lease holds an address: a registry that tells it twice means one endpoint.
      if (seen.has(address)) continue;
      seen.add(address);
      const endpoint = { address, id: address, draining: false };
      endpoints.push(weight === 1 ? endpoint : { ...endpoint, weight });
    }
    this.#failures = 0;
    this.#version = set.version;
    this.#report(null);
    endpoints.sort((a, b) => (a.address < b.address ? -1 : 1));
    const text = JSON.stringify(endpoints);
    if (text === this.#told) return;
    this.#told = text;
    this.#endpoints = endpoints.length;
    this.#events.onEndpoints(endpoints);
  }

  #lost(reason: string): void {
    this.#end();
    if (this.#closed) return;
    this.#report(reason);
    this.#timer = setTimeout(() => this.#again(), reconnectNs(++this.#failures, Math.random()) / 1e6);
  }

  /** The token may be another one by now. */
  #again(): void {
    let metadata: grpc.Metadata;
    try {
      metadata = tokenOf(this.#config.tokenFile);
    } catch (error) {
      this.#lost((error as Error).message);
      return;
    }
    this.#open(metadata);
  }

  #report(reason: string | null): void {
    const { address, service } = this.#config;
    // What differs from failure to failure is told once.
    if (reason !== null && this.#failures > 0 && this.trouble !== null) return;
    const trouble = reason === null ? null : `the registry ${address}, for ${service}: ${reason}`;
    if (trouble === this.trouble) return;
    this.trouble = trouble;
    this.#events.onTrouble(trouble);
  }

  #end(): void {
    const stream = this.#stream;
    this.#stream = null;
    stream?.cancel();
    this.#channel?.close();
    this.#channel = null;
  }
}
