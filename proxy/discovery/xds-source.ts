/** Endpoints from a control plane over gRPC: gives the client core its stream and its clock. Loaded only when it is asked for. */
import * as grpc from '@grpc/grpc-js';
import type { Endpoint } from '../policy/config.ts';
import type { RoutingConfig } from '../policy/routes/config.ts';
import type { EndpointSource, RoutedEvents } from './source.ts';
import type { XdsClientConfig, XdsClientView } from '../xds/client-config.ts';
import { XdsClient } from '../xds/client.ts';
import type { DeltaResponse, DiscoveryResponse } from '../xds/messages.ts';
import { type ChannelTls, channelTls } from '../registry/channel-tls.ts';
import { adsService, PROTO_CODEC } from './xds-protos.ts';

const MESSAGE_BYTES_MAX = 64 * 1_024 * 1_024;
const CONNECT_MS = 5_000;
/** Servers of other makers close connections that ask more often. */
const KEEPALIVE_MS = 300_000;
const KEEPALIVE_TIMEOUT_MS = 20_000;
/** The channel is new for each attempt: when to try again is decided by the client core alone. */
const CHANNEL = {
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_http_proxy': 0,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
  'grpc.keepalive_time_ms': KEEPALIVE_MS,
  'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
};

type Stream = grpc.ClientDuplexStream<object, DiscoveryResponse & DeltaResponse>;

export class XdsSource implements EndpointSource {
  trouble: string | null = null;
  readonly #server: string;
  readonly #credentials: grpc.ChannelCredentials;
  readonly #options: grpc.ChannelOptions;
  readonly #client: XdsClient;
  readonly #method: 'StreamAggregatedResources' | 'DeltaAggregatedResources';
  #stream: Stream | null = null;
  #channel: grpc.Client | null = null;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  /** `server`: HOST:PORT of the control plane; `tls` null: in the clear. Begins at once; throws a SidecarError for a file that cannot be read. */
  constructor(server: string, tls: ChannelTls | null, config: XdsClientConfig, events: RoutedEvents) {
    this.#server = server;
    const { credentials, options } = channelTls(tls, 'control plane');
    this.#credentials = credentials;
    this.#options = { ...CHANNEL, ...options };
    this.#method = config.variant === 'delta' ? 'DeltaAggregatedResources' : 'StreamAggregatedResources';
    const transport = {
      open: () => this.#open(),
      send: (request: object) => void this.#stream?.write(request),
    };
    const told = {
      onRouting: (routing: RoutingConfig | null) => events.onRouting(routing),
      onEndpoints: (endpoints: readonly Endpoint[], cluster: string) =>
        events.onEndpoints(endpoints, cluster),
      onTrouble: (trouble: string | null) => {
        this.trouble = trouble;
        events.onTrouble(trouble);
      },
    };
    this.#client = new XdsClient(config, PROTO_CODEC, transport, told, Math.random);
    this.#enter(() => this.#client.start());
  }

  view(): XdsClientView {
    return this.#client.view();
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#end();
  }

  #open(): void {
    const client = new grpc.Client(this.#server, this.#credentials, this.#options);
    const { path, requestSerialize, responseDeserialize } = adsService()[
      this.#method
    ] as grpc.MethodDefinition<object, DiscoveryResponse & DeltaResponse>;
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.#channel = client;
    this.#stream = stream;
    stream.on('error', () => {});
    stream.on('data', (response: DiscoveryResponse & DeltaResponse) => {
      if (stream === this.#stream) this.#enter(() => this.#client.handleResponse(response));
    });
    stream.on('status', ({ code, details }: grpc.StatusObject) => {
      if (stream === this.#stream) this.#lost(reasonFor(code, details));
    });
    this.#awaitReady(client, stream, Date.now() + CONNECT_MS);
  }

  /** Nothing is asked before there is a connection: what is waited for is waited for from then on. */
  #awaitReady(client: grpc.Client, stream: Stream, deadlineMs: number): void {
    client.waitForReady(deadlineMs, (error) => {
      if (stream !== this.#stream || this.#closed) return;
      if (error === undefined) this.#enter(() => this.#client.handleConnected());
      else this.#lost(`no connection to ${this.#server} within ${CONNECT_MS} ms`);
    });
  }

  #lost(reason: string): void {
    this.#end();
    this.#enter(() => this.#client.handleClosed(reason));
  }

  #end(): void {
    const stream = this.#stream;
    this.#stream = null;
    stream?.cancel();
    this.#channel?.close();
    this.#channel = null;
  }

  #enter(entry: () => void): void {
    if (this.#closed) return;
    this.#client.advance(nowNs());
    entry();
    this.#arm();
  }

  #arm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const { nextTimeoutNs } = this.#client;
    if (nextTimeoutNs === Infinity || this.#closed) return;
    const waitMs = Math.min(Math.max(0, Math.ceil((nextTimeoutNs - nowNs()) / 1e6)), 0x7fffffff);
    this.#timer = setTimeout(() => {
      if (this.#client.nextTimeoutNs <= nowNs()) this.#enter(() => this.#client.handleTimeout());
      else this.#arm();
    }, waitMs);
  }
}

function nowNs(): number {
  return Math.floor(performance.now() * 1e6);
}

function reasonFor(code: number, details: string): string {
  if (code === grpc.status.OK) return 'it closed the stream';
  const said = details
    .replace(/\s+/g, ' ')
    .replace(/ Resolution note:.*/, '')
    .slice(0, 200);
  return `${grpc.status[code] ?? code}${said === '' ? '' : `, ${said}`}`;
}
