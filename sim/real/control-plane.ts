/** The control plane of a real run: gRPC in the runner's own process, in front of what both worlds have in common. */
import grpc from '@grpc/grpc-js';
import { MeshwrightError } from '../base/errors.ts';
import { CONFIG_EVENTS, Kind } from '../journal/events.ts';
import { type ConfigEvent, Plane } from '../plane/plane.ts';
import type { PlaneSession, Request, Response } from '../plane/session.ts';
import { adsService, PROTO_CODEC } from '../../proxy/discovery/xds-protos.ts';
import { TYPES, type TypeUrl, type Variant } from '../../proxy/xds/messages.ts';
import type { MeshPlan } from '../spec/world.ts';
import type { Recorder } from './recorder.ts';
import type { EndpointEntry } from './sidecar/endpoints-file.ts';

/** A field of 127 octets that is not there. */
const GARBAGE = Buffer.from([0x0a, 0x7f]);
const NODE = /^sidecar\/(\d{1,4})$/;

type Stream = grpc.ServerDuplexStream<Request, Response>;

export class RealControlPlane {
  readonly plane: Plane;
  /** HOST:PORT, once it is started. */
  listen = '';
  readonly #server = new grpc.Server({ 'grpc.max_send_message_length': -1 });
  readonly #recorder: Recorder;
  readonly #nowNs: () => number;
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor({ service, sidecar }: MeshPlan, recorder: Recorder, nowNs: () => number) {
    this.#recorder = recorder;
    this.#nowNs = nowNs;
    this.plane = new Plane({
      service,
      sidecar,
      codec: PROTO_CODEC,
      garbage: GARBAGE,
      nowNs,
      later: (waitNs, task) => this.#later(waitNs, task),
      note: (sidecar, event, response, type) => this.#note(sidecar, event, response, type),
    });
    this.#server.addService(adsService() as unknown as grpc.ServiceDefinition, {
      StreamAggregatedResources: (stream: Stream) => this.#serve(stream, 'sotw'),
      DeltaAggregatedResources: (stream: Stream) => this.#serve(stream, 'delta'),
    });
  }

  /** The members of each cluster. */
  changed(sets: ReadonlyMap<string, readonly EndpointEntry[]>): void {
    const whole = (one: EndpointEntry) => ({ draining: false, ...one });
    this.plane.changed(new Map([...sets].map(([cluster, entries]) => [cluster, entries.map(whole)])));
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
        if (error !== null)
          return reject(
            new MeshwrightError('MW_PORT', `the control plane cannot listen: ${error.message}`, {
              remedy: 'close what holds so many ports',
            }),
          );
        this.listen = `127.0.0.1:${port}`;
        resolve();
      });
    });
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#server.forceShutdown();
  }

  #serve(stream: Stream, variant: Variant): void {
    let session: PlaneSession | null = null;
    const cut = (reason: string): void => {
      // Destroyed, it would tell the other side nothing.
      stream.emit(
        'error',
        Object.assign(new Error(reason), { code: grpc.status.UNAVAILABLE, details: reason }),
      );
    };
    /** Who it is, the first request says. */
    const begin = (request: Request): PlaneSession | null => {
      const sidecar = Number(NODE.exec(request.node?.id ?? '')?.[1] ?? -1);
      const opened = this.plane.open(sidecar, variant, {
        say: (response, event, number) => {
          this.#note(sidecar, event, number, response.type_url);
          stream.write(response);
        },
        cut,
      });
      if (opened === null) {
        this.#note(sidecar, 'cut', -1, null);
        cut('it refuses');
      }
      return opened;
    };
    stream.on('data', (request: Request) => {
      session ??= begin(request);
      session?.noteAnswer(request);
      session?.handleRequest(request);
    });
    const done = (): void => session?.close();
    stream.on('cancelled', done);
    stream.on('error', done);
    stream.on('end', () => {
      done();
      stream.end();
    });
  }

  #later(waitNs: number, task: () => void): void {
    if (waitNs === Number.POSITIVE_INFINITY) return;
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        task();
      },
      Math.ceil(waitNs / 1e6),
    );
    this.#timers.add(timer);
  }

  #note(sidecar: number, event: ConfigEvent, response: number, type: string | null): void {
    const detail = type === null ? -1 : TYPES.indexOf(type as TypeUrl);
    const code = CONFIG_EVENTS.indexOf(event);
    this.#recorder.write(Kind.config, this.#nowNs(), response, -1, -1, code, detail, sidecar);
  }
}
