/** One instance of the service: a @grpc/grpc-js server on a loopback port of its own. */
import grpc from '@grpc/grpc-js';
import { Health } from './health.ts';
import { CHANNEL_OPTIONS, demoService, healthService } from './proto.ts';
import { DemoService, type ServiceOptions } from './service.ts';

export interface Instance {
  readonly port: number;
  readonly service: DemoService;
  /** GOAWAY, calls in flight finish; what is left after `graceMs` is cut. */
  stop(graceMs: number): Promise<void>;
  /** Connections break at once. */
  crash(): void;
}

/** Starts it on 127.0.0.1, port 0 unless given. Rejects when it cannot bind. */
export async function startInstance(options: ServiceOptions & { port?: number }): Promise<Instance> {
  const server = new grpc.Server({ ...CHANNEL_OPTIONS, 'grpc.max_concurrent_streams': 1_000 });
  const service = new DemoService(options);
  const health = new Health(['my_service.MyService'], service.rules);
  server.addService(demoService(), service.handlers());
  server.addService(healthService(), health.handlers());
  const port = await new Promise<number>((resolve, reject) => {
    const address = `127.0.0.1:${options.port ?? 0}`;
    server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return {
    port,
    service,
    crash: () => server.forceShutdown(),
    stop: (graceMs) =>
      new Promise((resolve) => {
        health.drain();
        const timer = setTimeout(() => {
          server.forceShutdown();
          resolve();
        }, graceMs);
        server.tryShutdown(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}
