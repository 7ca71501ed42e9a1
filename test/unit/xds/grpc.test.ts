/** The control plane on a real wire: what a client that misbehaves, or comes and goes, gets. */
import * as grpc from '@grpc/grpc-js';
import { afterEach, expect, it } from 'vitest';
import { ControlPlane } from '../../../proxy/control-plane/grpc-server.ts';
import { adsService, PROTO_CODEC } from '../../../proxy/discovery/xds-protos.ts';
import { Generation } from '../../../proxy/host/generation.ts';
import { resolveOptions } from '../../../proxy/host/options.ts';
import { CLUSTER, ENDPOINTS } from '../../../proxy/xds/messages.ts';
import { at, mesh } from './rig.ts';

const leave: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of leave.splice(0).reverse()) await end();
});

async function start(): Promise<{ plane: ControlPlane; address: string }> {
  const plane = new ControlPlane(mesh({ a: [at(1)] }));
  leave.push(() => plane.close());
  return { plane, address: await plane.listen('127.0.0.1:0') };
}

function streamTo(address: string, method: 'StreamAggregatedResources' | 'DeltaAggregatedResources') {
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  leave.push(() => client.close());
  const { path, requestSerialize, responseDeserialize } = adsService()[method] as grpc.MethodDefinition<
    any,
    any
  >;
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  const responses: any[] = [];
  let heard: () => void = () => {};
  const status = new Promise<grpc.StatusObject>((resolve) => {
    stream.on('status', resolve);
  });
  stream.on('error', () => {});
  stream.on('data', (response) => {
    responses.push(response);
    heard();
  });
  const next = (count: number): Promise<void> =>
    new Promise((resolve) => {
      heard = () => responses.length >= count && resolve();
      heard();
    });
  return { stream, responses, status, next };
}

it('whoever asks for a name without end hears why its stream ends', async () => {
  const { address } = await start();
  for (const method of ['StreamAggregatedResources', 'DeltaAggregatedResources'] as const) {
    const { stream, status } = streamTo(address, method);
    const names = ['x'.repeat(2_000)];
    stream.write({ type_url: CLUSTER, resource_names: names, resource_names_subscribe: names });
    expect(await status).toMatchObject({ code: 3, details: 'a name is longer than 1024 characters' });
  }
});

it('a type that is not served is not answered, and others are; a client that leaves is forgotten', async () => {
  const { plane, address } = await start();
  const { stream, responses, next, status } = streamTo(address, 'StreamAggregatedResources');
  stream.write({ type_url: 'type.googleapis.com/envoy.service.runtime.v3.Runtime' });
  stream.write({ type_url: ENDPOINTS, resource_names: ['a'] });
  await next(1);
  expect(responses).toHaveLength(1);
  const [{ value, type_url }] = responses[0].resources;
  expect(PROTO_CODEC.unpack(type_url, value)).toMatchObject({ cluster_name: 'a' });
  expect(plane.clients).toBe(1);
  stream.end();
  expect((await status).code).toBe(0);
  expect(plane.clients).toBe(0);
});

it('DC-22: of 1,000 endpoints one changes: incremental and whole responses both come, the same again does not', async () => {
  const many = (last: number) =>
    Array.from({ length: 1_000 }, (_, n) => ({
      address: `10.1.${n >> 8}.${n & 255}:${n === 999 ? last : 80}`,
    }));
  const { plane, address } = await start();
  plane.update(mesh({ a: many(80) }));
  const sotw = streamTo(address, 'StreamAggregatedResources');
  const delta = streamTo(address, 'DeltaAggregatedResources');
  sotw.stream.write({ type_url: ENDPOINTS, resource_names: ['a'] });
  delta.stream.write({ type_url: ENDPOINTS, resource_names_subscribe: ['a'] });
  await Promise.all([sotw.next(1), delta.next(1)]);
  for (const { stream, responses } of [sotw, delta])
    stream.write({
      type_url: ENDPOINTS,
      resource_names: ['a'],
      version_info: responses[0].version_info ?? '',
      response_nonce: responses[0].nonce,
    });
  expect(plane.update(mesh({ a: many(80) }))).toBeNull();
  expect(plane.update(mesh({ a: many(81) }))).not.toBeNull();
  await Promise.all([sotw.next(2), delta.next(2)]);
  expect(sotw.responses).toHaveLength(2);
  expect(delta.responses[1].resources[0].name).toBe('a');
});

it('a table without any route is known all the same: there is nothing to wait for', async () => {
  const plane = new ControlPlane({ clusters: {}, listeners: { front: { routes: [] } } });
  leave.push(() => plane.close());
  const flags = { listen: '127.0.0.1:0', xds: await plane.listen('127.0.0.1:0'), 'xds-listener': 'front' };
  const generation = await Generation.start(resolveOptions(flags), { warn: () => {} });
  leave.push(() => generation.stop());
  expect(generation.knowsEndpoints).toBe(true);
});
