/** `meshwright demo-server`: the service of protos/my_service.proto on @grpc/grpc-js, to try the sidecar by hand. */
import { join } from 'node:path';
import {
  logVerbosity,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  setLogVerbosity,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { Command } from 'commander';
import { MeshwrightError } from '../sim/base/errors.ts';
import { channelTls } from '../proxy/registry/channel-tls.ts';
import { Membership } from '../proxy/registry/membership.ts';
import { tokenOf } from '../proxy/registry/token-file.ts';
import { print, printError } from './output.ts';
import { packageRoot } from './version.ts';

const SHUTDOWN_MS_MAX = 5_000;
const REPLIES = 3;
const ADDRESS = /^(\[[0-9a-f:]+\]|[^:\s]+):(\d{1,5})$/i;

/** The command for commander. */
export function demoServerCommand(): Command {
  return new Command('demo-server')
    .description('serve the demo service my_service.MyService: MyMethod(name) answers "Hello, <name>"')
    .option('--listen <host:port>', 'where to listen', '127.0.0.1:50051')
    .option('--register <host:port>', 'register with this registry')
    .option('--service <name>', 'as an instance of this service')
    .option('--ttl-ms <ms>', 'length of the lease, which is renewed three times in it', '3000')
    .option('--registry-tls', 'speak TLS to the registry')
    .option('--registry-ca <file>', "PEM authorities that sign its certificate (default: Node's)")
    .option('--registry-server-name <name>', 'name that its certificate must hold (default: its host)')
    .option('--token-file <file>', 'the token that the registry asks for')
    .action(async (flags: Flags) => serve(flags));
}

interface Flags {
  listen: string;
  register?: string;
  service?: string;
  ttlMs: string;
  registryTls?: boolean;
  registryCa?: string;
  registryServerName?: string;
  tokenFile?: string;
}

async function serve({ listen, register, service, ttlMs, ...registry }: Flags): Promise<void> {
  if ((register === undefined) !== (service === undefined) || !/^[1-9]\d{0,6}$/.test(ttlMs)) {
    throw new MeshwrightError('MW_USAGE', 'a registration needs a registry, a service and a time', {
      place: '--register',
      remedy: 'give both --register HOST:PORT and --service NAME, and --ttl-ms in whole milliseconds.',
    });
  }
  if (!ADDRESS.test(listen)) {
    throw new MeshwrightError('MW_USAGE', `not an address: ${JSON.stringify(listen)}`, {
      place: '--listen',
      remedy: 'write HOST:PORT, as in 127.0.0.1:50051.',
    });
  }
  const options = registryOptions(registry);
  // What goes wrong is told by this command, once.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server();
  server.addService(serviceDefinition(), handlers());
  const port = await bind(server, listen);
  const host = listen.slice(0, listen.lastIndexOf(':'));
  print(JSON.stringify({ event: 'ready', listen: `${host}:${port}`, pid: process.pid }));
  const membership =
    register === undefined || service === undefined
      ? null
      : new Membership(
          register,
          { service, address: `${host}:${port}`, ttlMs: Number(ttlMs) },
          { ...options, warn: printError },
        );
  const stop = async () => {
    setTimeout(() => process.exit(0), SHUTDOWN_MS_MAX).unref();
    await membership?.leave();
    server.tryShutdown(() => process.exit(0));
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => void stop());
}

function registryOptions({ registryTls, registryCa, registryServerName, tokenFile }: Partial<Flags>) {
  if (registryTls !== true && (registryCa ?? registryServerName) !== undefined) {
    throw new MeshwrightError('MW_USAGE', 'the registry is spoken to in the clear', {
      place: registryCa === undefined ? '--registry-server-name' : '--registry-ca',
      remedy: 'add --registry-tls.',
    });
  }
  const given = { caFile: registryCa ?? null, serverName: registryServerName ?? null };
  const [tls, file] = [registryTls === true ? given : null, tokenFile ?? null];
  // Files that cannot be used are told before anything serves.
  channelTls(tls, 'registry');
  tokenOf(file);
  return { tls, tokenFile: file };
}

function bind(server: Server, listen: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(listen, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else {
        reject(
          new MeshwrightError('MW_PORT', `cannot listen: ${error.message}`, {
            place: listen,
            remedy: 'choose another port, or port 0 for any free one.',
          }),
        );
      }
    });
  });
}

function serviceDefinition(): ServiceDefinition {
  const definition = loadSync(join(packageRoot(), 'protos', 'my_service.proto'));
  return definition['my_service.MyService'] as ServiceDefinition;
}

interface MyRequest {
  name: string;
}
interface MyResponse {
  message: string;
}

const hello = (name: string): MyResponse => ({ message: `Hello, ${name}` });

function handlers() {
  return {
    MyMethod: (call: ServerUnaryCall<MyRequest, MyResponse>, done: sendUnaryData<MyResponse>) => {
      done(null, hello(call.request.name));
    },
    MyServerStream: (call: ServerWritableStream<MyRequest, MyResponse>) => {
      for (let i = 0; i < REPLIES; i++) call.write(hello(call.request.name));
      call.end();
    },
    MyClientStream: (call: ServerReadableStream<MyRequest, MyResponse>, done: sendUnaryData<MyResponse>) => {
      const names: string[] = [];
      call.on('data', (request: MyRequest) => names.push(request.name));
      call.on('end', () => done(null, hello(names.join(', '))));
    },
    MyBidiStream: (call: ServerDuplexStream<MyRequest, MyResponse>) => {
      call.on('data', (request: MyRequest) => call.write(hello(request.name)));
      call.on('end', () => call.end());
    },
  };
}
