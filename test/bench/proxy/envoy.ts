/** Envoy's configuration: HTTP/2 on both sides, round robin, the router and nothing else. */
import type { Far, Tls } from './proxies.ts';

const API = 'type.googleapis.com/envoy.extensions';
const MANAGER = 'filters.network.http_connection_manager.v3.HttpConnectionManager';
const HTTP_OPTIONS = 'upstreams.http.v3.HttpProtocolOptions';
const TLS_SOCKET = 'transport_sockets.tls.v3';

export function envoyConfig(port: number, { ports, tls }: Far): unknown {
  const manager = {
    '@type': `${API}.${MANAGER}`,
    stat_prefix: 'near',
    codec_type: 'HTTP2',
    // A limit of 1,024 streams a connection is its own default; a bench asks for no more.
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, route: { cluster: 'far', timeout: '60s' } }],
        },
      ],
    },
    http_filters: [{ name: 'router', typed_config: { '@type': `${API}.filters.http.router.v3.Router` } }],
  };
  const cluster = {
    name: 'far',
    type: 'STATIC',
    connect_timeout: '1s',
    lb_policy: 'ROUND_ROBIN',
    // Its circuit breakers let 1,024 calls through at a time.
    circuit_breakers: { thresholds: [{ max_requests: 100_000, max_pending_requests: 100_000 }] },
    typed_extension_protocol_options: {
      [`envoy.extensions.${HTTP_OPTIONS}`]: {
        '@type': `${API}.${HTTP_OPTIONS}`,
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    load_assignment: {
      cluster_name: 'far',
      endpoints: [{ lb_endpoints: ports.map((each) => ({ endpoint: { address: address(each) } })) }],
    },
    ...(tls === null ? {} : { transport_socket: socketOf('UpstreamTlsContext', null) }),
  };
  const chain = {
    filters: [{ name: 'manager', typed_config: manager }],
    ...(tls === null ? {} : { transport_socket: socketOf('DownstreamTlsContext', tls) }),
  };
  return {
    static_resources: {
      listeners: [{ address: address(port), filter_chains: [chain] }],
      clusters: [cluster],
    },
  };
}

function socketOf(context: string, own: Tls | null): unknown {
  const certificates =
    own === null
      ? {}
      : {
          tls_certificates: [
            { certificate_chain: { filename: own.cert }, private_key: { filename: own.key } },
          ],
        };
  return {
    name: 'tls',
    typed_config: {
      '@type': `${API}.${TLS_SOCKET}.${context}`,
      common_tls_context: { alpn_protocols: ['h2'], ...certificates },
    },
  };
}

function address(port: number): unknown {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}
