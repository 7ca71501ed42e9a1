/** The table of faults. A fault's position is its code in the journal: add new ones at the end. */
import { add } from './add.ts';
import { bandwidth } from './bandwidth.ts';
import { blackhole } from './blackhole.ts';
import type { FaultDefinition } from './definition.ts';
import { drain } from './drain.ts';
import { failStatus } from './fail-status.ts';
import { kill } from './kill.ts';
import { latency } from './latency.ts';
import { partition } from './partition.ts';
import { pause } from './pause.ts';
import { crashRegistry, muteRegistry } from './registry-faults.ts';
import { relist } from './relist.ts';
import { remove } from './remove.ts';
import { resetConnections } from './reset-connections.ts';
import { restart } from './restart.ts';
import { crashSidecar, drainSidecar, hotRestartSidecar, reloadSidecar } from './sidecar-faults.ts';
import { delayXds, dropXds, nackXds, pinXds, reorderXds, routesXds, silenceXds } from './xds-faults.ts';

export const FAULTS: readonly FaultDefinition[] = [
  kill,
  restart,
  pause,
  add,
  remove,
  drain,
  latency,
  failStatus,
  blackhole,
  resetConnections,
  bandwidth,
  partition,
  drainSidecar,
  reloadSidecar,
  hotRestartSidecar,
  crashSidecar,
  delayXds,
  nackXds,
  dropXds,
  reorderXds,
  silenceXds,
  crashRegistry,
  muteRegistry,
  relist,
  pinXds,
  routesXds,
];

/** Names of all faults, in the order of their codes. */
export const FAULT_KINDS: readonly string[] = FAULTS.map((fault) => fault.kind);
