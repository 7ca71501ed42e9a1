/** Carries out controls on the virtual instances and their network. */
import type { Control } from '../faults/controls.ts';
import type { Discovery } from './discovery.ts';
import type { Instance } from './instance.ts';

export function applyControl(
  control: Exclude<Control, { op: 'sidecar' | 'xds' | 'routes' | 'registry' | 'mute' }>,
  instance: Instance,
  discovery: Discovery,
): void {
  switch (control.op) {
    case 'kill':
      return instance.kill();
    case 'start':
      return instance.start();
    case 'stop':
      return instance.stop();
    case 'pause':
      return instance.pause();
    case 'resume':
      return instance.resume();
    case 'member':
      return discovery.set(control.instance, control.state);
    case 'list':
      return discovery.list(control.instance, control.cluster, control.listed);
    case 'resetConnections':
      return instance.resetConnections();
    case 'fail':
      return instance.setFailRule(control.fault, control.rule);
    case 'network':
      return setNetwork(instance, control);
    default:
      control satisfies never;
  }
}

function setNetwork(instance: Instance, { fault, effect }: Extract<Control, { op: 'network' }>): void {
  const { network } = instance;
  const { muted, bytesPerSecond } = network;
  network.set(fault, effect);
  if (muted && !network.muted) instance.networkBack();
  if (network.bytesPerSecond > bytesPerSecond) for (const link of instance.links) link.reflow();
}
