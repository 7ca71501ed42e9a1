/** A control plane and one client with two queues between them instead of wires, and a clock that is told. */
import { DEFAULT_SIDECAR_CONFIG, type Endpoint } from '../../../proxy/policy/config.ts';
import { clusterPolicies, type RoutingConfig } from '../../../proxy/policy/routes/config.ts';
import { buildMessages } from '../../../proxy/xds/build.ts';
import type { EndpointPlan, MeshPlan } from '../../../proxy/xds/plan.ts';
import { DEFAULT_XDS, type XdsClientConfig } from '../../../proxy/xds/client-config.ts';
import { XdsClient } from '../../../proxy/xds/client.ts';
import { PLAIN_CODEC } from '../../../proxy/xds/messages.ts';
import { XdsServer, type Session } from '../../../proxy/xds/server.ts';
import type { Messages } from '../../../proxy/xds/snapshot.ts';

export class Rig {
  readonly server: XdsServer;
  readonly client: XdsClient;
  readonly config: XdsClientConfig;
  /** Not delivered yet. */
  toServer: any[] = [];
  toClient: any[] = [];
  /** All that was ever put there. */
  readonly requests: any[] = [];
  readonly responses: any[] = [];
  readonly sets: string[][] = [];
  readonly endpoints: (readonly Endpoint[])[] = [];
  /** Each cluster's last set, and each table that was told. */
  readonly byCluster = new Map<string, readonly Endpoint[]>();
  readonly tables: (RoutingConfig | null)[] = [];
  routing: RoutingConfig | null = null;
  readonly troubles: (string | null)[] = [];
  session: Session | null = null;
  ended = '';
  opens = 0;
  /** The control plane can be reached. */
  up = true;
  nowNs = 0;

  constructor(plan: MeshPlan | Messages, config: Partial<XdsClientConfig> = {}, server?: XdsServer) {
    this.server = server ?? new XdsServer(PLAIN_CODEC, 1, messagesOf(plan));
    this.config = {
      ...DEFAULT_XDS,
      node: { id: 'n', cluster: 'c' },
      follow: { listener: 'front' },
      policies: clusterPolicies(DEFAULT_SIDECAR_CONFIG),
      ...config,
    };
    const transport = {
      open: () => {
        this.opens++;
        this.#open = true;
      },
      send: (request: any) => {
        this.toServer.push(structuredClone(request));
        this.requests.push(structuredClone(request));
      },
    };
    const events = {
      onRouting: (routing: RoutingConfig | null) => {
        this.routing = routing;
        this.tables.push(routing);
      },
      onEndpoints: (endpoints: readonly Endpoint[], cluster: string) => {
        this.byCluster.set(cluster, endpoints);
        this.endpoints.push(endpoints);
        this.sets.push(endpoints.map(({ address }) => address));
      },
      onTrouble: (trouble: string | null) => this.troubles.push(trouble),
    };
    this.client = new XdsClient(this.config, PLAIN_CODEC, transport, events, () => 0.5);
  }

  #open = false;

  /** The transport's answer to a wish to open. */
  connect(): boolean {
    if (!this.#open) return false;
    this.#open = false;
    this.client.advance(this.nowNs);
    if (!this.up) {
      this.client.handleClosed('refused');
      return true;
    }
    const sink = {
      send: (response: any) => {
        this.toClient.push(response);
        this.responses.push(response);
      },
      end: (_status: number, reason: string) => (this.ended = reason),
    };
    this.session = this.config.variant === 'delta' ? this.server.openDelta(sink) : this.server.openSotw(sink);
    this.session.advance(this.nowNs);
    this.client.handleConnected();
    return true;
  }

  cut(reason = 'cut'): void {
    if (this.session === null) return;
    this.server.close(this.session);
    this.session = null;
    this.toServer = [];
    this.toClient = [];
    this.client.advance(this.nowNs);
    this.client.handleClosed(reason);
  }

  /** One message to the server; false when there is none. */
  stepServer(): boolean {
    const request = this.toServer.shift();
    if (request === undefined || this.session === null) return false;
    this.session.advance(this.nowNs);
    this.session.handleRequest(request);
    return true;
  }

  stepClient(): boolean {
    const response = this.toClient.shift();
    if (response === undefined) return false;
    this.client.advance(this.nowNs);
    this.client.handleResponse(response);
    return true;
  }

  /** Everything that is under way arrives. */
  flush(): void {
    for (let steps = 0; this.connect() || this.stepServer() || this.stepClient(); steps++)
      if (steps > 1_000) throw new Error('they never stop talking');
  }

  /** Time passes; what is due is done. */
  pass(ms: number): void {
    const endNs = this.nowNs + ms * 1e6;
    for (let steps = 0; ; steps++) {
      if (steps > 1_000) throw new Error('a timer never comes to rest');
      this.flush();
      const next = Math.min(this.client.nextTimeoutNs, this.session?.nextTimeoutNs ?? Infinity);
      if (next > endNs) break;
      this.nowNs = next;
      this.client.advance(next);
      if (this.client.nextTimeoutNs <= next) this.client.handleTimeout();
      this.session?.advance(next);
      this.session?.handleTimeout();
    }
    this.nowNs = endNs;
  }

  start(): this {
    this.client.advance(this.nowNs);
    this.client.start();
    this.flush();
    return this;
  }

  update(plan: MeshPlan | Messages): void {
    this.server.update(messagesOf(plan), this.nowNs);
  }

  get set(): string[] | undefined {
    return this.sets.at(-1);
  }
}

export function messagesOf(plan: MeshPlan | Messages): Messages {
  return 'clusters' in plan ? buildMessages(plan as MeshPlan, PLAIN_CODEC) : plan;
}

export const at = (n: number, more: Partial<EndpointPlan> = {}): EndpointPlan => ({
  address: `10.0.0.${n}:80`,
  ...more,
});

/** A mesh whose listener leads to `to`. */
export function mesh(clusters: Record<string, readonly EndpointPlan[]>, to = 'a'): MeshPlan {
  return {
    clusters: Object.fromEntries(Object.entries(clusters).map(([name, endpoints]) => [name, { endpoints }])),
    listeners: { front: { routes: [{ cluster: to }] } },
  };
}
