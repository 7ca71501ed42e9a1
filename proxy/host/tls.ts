/**
 * TLS on both sides: contexts from PEM files, ALPN `h2`, session resumption. HTTP/2 forbids renegotiation and the TLS 1.2
 * suites without forward secrecy or authenticated encryption (RFC 9113 §9.2), so neither is offered.
 */
import { constants } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { Server, Socket, TcpSocketConnectOpts } from 'node:net';
import { TLSSocket, connect, createSecureContext, createServer } from 'node:tls';
import type { SecureContext, SecureContextOptions } from 'node:tls';
import type { Address } from '../policy/address.ts';
import { formatAddress } from '../policy/address.ts';
import { SidecarError } from '../policy/trouble.ts';
import type { ServerTlsOptions, UpstreamTlsOptions } from './options.ts';

const ALPN = ['h2'];
const HANDSHAKE_MS_MAX = 10_000;
const SESSIONS_MAX = 1_024;
const NO_H2 = 'its TLS offers no h2 by ALPN';
const COMMON: SecureContextOptions = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305',
  ].join(':'),
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
};

/** Certificate and key of a server, which belong together; throws a SidecarError that names the file that is wrong. */
export function serverPair({ certFile, keyFile }: ServerTlsOptions): { cert: Buffer; key: Buffer } {
  const pair = { cert: readPem(certFile, '--tls-cert'), key: readPem(keyFile, '--tls-key') };
  contextOf({ ...COMMON, cert: pair.cert }, certFile, '--tls-cert');
  contextOf({ ...COMMON, ...pair }, keyFile, '--tls-key');
  return pair;
}

/** The callers' side: every connection shakes hands first. */
export class ServerTls {
  /** Connections that ended before HTTP/2 could begin: no handshake, or no `h2` in ALPN. */
  handshakesFailed = 0;
  readonly #options: SecureContextOptions;
  readonly #warn: (message: string) => void;
  readonly #told = new Set<string>();

  /** Reads the files; throws a SidecarError that names the one that is wrong. */
  constructor(options: ServerTlsOptions, warn: (message: string) => void) {
    this.#options = { ...COMMON, ...serverPair(options) };
    this.#warn = warn;
  }

  createServer(accept: (socket: Socket) => void): Server {
    const server = createServer({
      ...this.#options,
      ALPNProtocols: ALPN,
      handshakeTimeout: HANDSHAKE_MS_MAX,
      noDelay: true,
    });
    server.on('secureConnection', (socket) => {
      if (socket.alpnProtocol === 'h2') return accept(socket);
      this.#refuse(socket, 'ALPN without h2');
    });
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) =>
      this.#refuse(socket, error.code ?? error.message),
    );
    return server;
  }

  #refuse(socket: TLSSocket, reason: string): void {
    this.handshakesFailed++;
    socket.on('error', () => {});
    socket.destroy();
    // A scanner must not fill the log: each reason once, the rest is counted. The reasons are OpenSSL's, so few.
    if (this.#told.has(reason)) return;
    this.#told.add(reason);
    this.#warn(
      `a caller could not begin HTTP/2 over TLS (${reason}); more of them are only counted in /stats, tlsHandshakesFailed`,
    );
  }
}

/** The endpoints' side. Keeps the newest session of each endpoint for its next connection. */
export class UpstreamTls {
  readonly #context: SecureContext;
  readonly #serverName: string | null;
  readonly #sessions = new Map<string, Buffer>();

  /** Reads the file; throws a SidecarError that names it when it is wrong. */
  constructor(options: UpstreamTlsOptions) {
    const { caFile } = options;
    const ca = caFile === null ? undefined : readPem(caFile, '--upstream-ca');
    this.#context = contextOf(ca === undefined ? COMMON : { ...COMMON, ca }, caFile ?? '', '--upstream-ca');
    this.#serverName = options.serverName;
  }

  /** Begins to connect; the socket tells `secureConnect` when octets can pass. `address`: what the endpoint is called, wherever the socket goes. */
  connect(address: Address, socketOptions: TcpSocketConnectOpts): TLSSocket {
    const key = formatAddress(address.host, address.port);
    const session = this.#sessions.get(key);
    const name = this.#serverName ?? (isIP(address.host) === 0 ? address.host : null);
    const socket = connect({
      ...socketOptions,
      secureContext: this.#context,
      ALPNProtocols: ALPN,
      ...(name === null ? {} : { servername: name }),
      ...(session === undefined ? {} : { session }),
    });
    socket.on('session', (ticket) => this.#keep(key, ticket));
    return socket;
  }

  /** Why a connected endpoint cannot be used, for people; null when it can. */
  trouble(socket: Socket): string | null {
    return socket instanceof TLSSocket && socket.alpnProtocol === 'h2' ? null : NO_H2;
  }

  /** A failed dial, for people. */
  describe({ code, message }: NodeJS.ErrnoException): string {
    if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'EPROTO')
      return `it does not speak TLS (${code})`;
    if (code === 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL') return NO_H2;
    return code ?? message;
  }

  #keep(key: string, ticket: Buffer): void {
    this.#sessions.delete(key);
    this.#sessions.set(key, ticket);
    if (this.#sessions.size <= SESSIONS_MAX) return;
    for (const oldest of this.#sessions.keys()) {
      this.#sessions.delete(oldest);
      return;
    }
  }
}

/** Null: in the clear. */
export interface TlsSides {
  readonly server: ServerTls | null;
  readonly upstream: UpstreamTls | null;
}

function readPem(file: string, place: string): Buffer {
  let content: Buffer;
  try {
    content = readFileSync(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    const what = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`;
    throw wrong(`${file} ${what}`, place, 'check the path');
  }
  if (content.includes('-----BEGIN ')) return content;
  throw wrong(`${file} is not PEM`, place, 'give a file with a -----BEGIN …----- block');
}

function contextOf(options: SecureContextOptions, file: string, place: string): SecureContext {
  try {
    return createSecureContext(options);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH') {
      throw wrong(
        `the key in ${file} is not that of the certificate`,
        place,
        'give the pair that was made together',
      );
    }
    throw wrong(
      `${file} cannot be used: ${message}`,
      place,
      'give a PEM file as `openssl` writes it, without a passphrase',
    );
  }
}

function wrong(message: string, place: string, remedy: string): SidecarError {
  return new SidecarError('MW_CONFIG', message, { place, remedy });
}
