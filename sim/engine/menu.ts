/** The faults as methods, for `at(time).kill(…)` and for `mesh.kill(…)`: one builder, two things done with the result. */
import type { FaultMenu } from '../spec/scenario.ts';

const ALL = 'sidecar/*';

type Params = Readonly<Record<string, unknown>>;

/** `emit` gets each fault as it is named: kind, target, parameters. */
export function faultMenu<R>(
  emit: (kind: string, target: string, params: Params) => R,
): FaultMenu<string, R> {
  return {
    kill: (target) => emit('kill', target, {}),
    restart: (target, options = {}) => emit('restart', target, options),
    pause: (target, options) => emit('pause', target, options ?? {}),
    add: (service, options = {}) => emit('add', service, options),
    remove: (target) => emit('remove', target, {}),
    drain: (target) => emit('drain', target, {}),
    relist: (target, options = {}) => emit('relist', target, options),
    latency: (target, options) => emit('latency', target, options ?? {}),
    failStatus: (target, options) => emit('failStatus', target, options ?? {}),
    blackhole: (target, options = {}) => emit('blackhole', target, options),
    resetConnections: (target) => emit('resetConnections', target, {}),
    bandwidth: (target, options) => emit('bandwidth', target, options ?? {}),
    partition: (target, options = {}) => emit('partition', target, options),
    sidecar: {
      drain: (target = ALL) => emit('sidecar.drain', target, {}),
      reload: (target = ALL) => emit('sidecar.reload', target, {}),
      hotRestart: (target = ALL, options = {}) => emit('sidecar.hotRestart', target, options),
      crash: (target = ALL, options = {}) => emit('sidecar.crash', target, options),
    },
    xds: {
      delay: (target, options) => emit('xds.delay', target, options ?? {}),
      nack: (target, options = {}) => emit('xds.nack', target, options),
      drop: (target, options = {}) => emit('xds.drop', target, options),
      reorder: (target, options = {}) => emit('xds.reorder', target, options),
      pin: (target, options = {}) => emit('xds.pin', target, options),
      routes: (routes) => emit('xds.routes', 'plane', { routes }),
      silence: (target, options = {}) => emit('xds.silence', target, options),
    },
    registry: {
      crash: (options = {}) => emit('registry.crash', 'registry', options),
      mute: (target, options = {}) => emit('registry.mute', target, options),
    },
  };
}
