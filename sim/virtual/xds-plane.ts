/** The control plane of a virtual mesh, on the virtual clock and with nothing encoded. */
import type { XdsEffect } from '../faults/controls.ts';
import { CONFIG_EVENTS, Kind } from '../journal/events.ts';
import { type ConfigEvent, Plane } from '../plane/plane.ts';
import type { RouteSpec } from '../spec/routing.ts';
import type { SidecarSpec, XdsSpec } from '../spec/scenario.ts';
import { PLAIN_CODEC, TYPES, type TypeUrl } from '../../proxy/xds/messages.ts';
import type { Announcer, Sets } from './discovery.ts';
import type { Kernel } from './kernel.ts';
import type { SidecarHost } from './sidecar-host.ts';
import { XdsLine } from './xds-line.ts';

export class XdsPlane implements Announcer {
  readonly kernel: Kernel;
  readonly spec: XdsSpec;
  readonly plane: Plane;

  constructor(kernel: Kernel, spec: XdsSpec, service: string, sidecar: SidecarSpec) {
    this.kernel = kernel;
    this.spec = spec;
    this.plane = new Plane({
      service,
      sidecar,
      codec: PLAIN_CODEC,
      garbage: null,
      nowNs: () => kernel.nowNs,
      later: (waitNs, task) => kernel.later(kernel.nowNs + waitNs, task),
      note: (sidecar, event, response, type) => this.note(sidecar, event, response, type),
    });
  }

  changed(sets: Sets): void {
    this.plane.changed(sets);
  }

  reroute(routes: readonly RouteSpec[]): void {
    this.plane.reroute(routes);
  }

  attach(host: SidecarHost): void {
    new XdsLine(host, this).start();
  }

  set(sidecar: number, fault: number, effect: XdsEffect | null): void {
    this.plane.set(sidecar, fault, effect);
  }

  note(sidecar: number, event: ConfigEvent, response: number, type: string | null): void {
    const { journal, nowNs } = this.kernel;
    const detail = type === null ? -1 : TYPES.indexOf(type as TypeUrl);
    journal.write(Kind.config, nowNs, response, -1, -1, CONFIG_EVENTS.indexOf(event), detail, sidecar);
  }
}
