/** The peers: Envoy, HAProxy, nghttpx and nginx, each with one worker and no more than what spreads calls over the endpoints. */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { listening, start } from './children.ts';
import { envoyConfig } from './envoy.ts';
import type { Far, Proxy, Started, Tls } from './proxies.ts';
import { findProgram } from './programs.ts';

export const ENVOY: Proxy = {
  name: 'Envoy',
  program: 'envoy',
  start(far, folder) {
    return onFreePort('envoy', (port) => {
      const file = join(folder, `envoy-${port}.json`);
      writeFileSync(file, JSON.stringify(envoyConfig(port, far)));
      return ['-c', file, '--concurrency', '1', '--disable-hot-restart', '-l', 'error'];
    });
  },
};

export const HAPROXY: Proxy = {
  name: 'HAProxy',
  program: 'haproxy',
  start(far, folder) {
    return onFreePort('haproxy', (port) => {
      const file = join(folder, `haproxy-${port}.cfg`);
      const near = far.tls === null ? 'proto h2' : `ssl crt ${pemFile(folder, far.tls)} alpn h2`;
      const there = far.tls === null ? 'proto h2' : 'ssl verify none alpn h2 proto h2';
      const lines = [
        'global\n nbthread 1\n maxconn 8000',
        'defaults\n mode http\n timeout connect 1s\n timeout client 60s\n timeout server 60s\n http-reuse always',
        `frontend near\n bind 127.0.0.1:${port} ${near}\n default_backend far`,
        'backend far\n balance roundrobin',
        ...far.ports.map((each, index) => ` server s${index} 127.0.0.1:${each} ${there}`),
      ];
      writeFileSync(file, `${lines.join('\n')}\n`);
      return ['-db', '-q', '-f', file];
    });
  },
};

export const NGHTTPX: Proxy = {
  name: 'nghttpx',
  program: 'nghttpx',
  start(far, folder) {
    return onFreePort('nghttpx', (port) => {
      const file = join(folder, 'nghttpx.conf');
      writeFileSync(file, '');
      const { tls } = far;
      return [
        `--conf=${file}`,
        '--workers=1',
        '--accesslog-file=/dev/null',
        '--errorlog-file=/dev/null',
        '--insecure',
        `--frontend=127.0.0.1,${port}${tls === null ? ';no-tls' : ''}`,
        ...far.ports.map((each) => `--backend=127.0.0.1,${each};/;proto=h2${tls === null ? '' : ';tls'}`),
        ...(tls === null ? [] : [tls.key, tls.cert]),
      ];
    });
  },
};

export const NGINX: Proxy = {
  name: 'nginx',
  program: 'nginx',
  start(far, folder) {
    return onFreePort('nginx', (port) => {
      const file = join(folder, `nginx-${port}.conf`);
      writeFileSync(file, nginxConfig(port, far, folder));
      return ['-p', folder, '-e', 'stderr', '-c', file];
    });
  },
};

function nginxConfig(port: number, { ports, tls }: Far, folder: string): string {
  const scheme = tls === null ? 'grpc' : 'grpcs';
  const certificate = tls === null ? '' : `ssl_certificate ${tls.cert}; ssl_certificate_key ${tls.key};`;
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (word) => `${word}_temp_path ${folder};`,
  );
  return `
daemon off; worker_processes 1; pid ${folder}/nginx-${port}.pid; error_log /dev/null;
events { worker_connections 16000; }
http {
  access_log off; keepalive_requests 100000000; http2_max_concurrent_streams 1024; client_max_body_size 0;
  ${temporary.join(' ')}
  upstream far { ${ports.map((each) => `server 127.0.0.1:${each};`).join(' ')} keepalive 1024; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port} http2${tls === null ? '' : ' ssl'} backlog=4096; ${certificate}
    location / { grpc_pass ${scheme}://far; }
  }
}
`;
}

/** Certificate and key in one file. */
function pemFile(folder: string, { pem }: Tls): string {
  const file = join(folder, 'haproxy.pem');
  writeFileSync(file, pem, { mode: 0o600 });
  return file;
}

async function onFreePort(program: string, parametersOf: (port: number) => string[]): Promise<Started> {
  const port = await freePort();
  const child = start(findProgram(program) ?? program, parametersOf(port));
  await listening(child, port);
  return { child, address: `127.0.0.1:${port}`, admin: '' };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
