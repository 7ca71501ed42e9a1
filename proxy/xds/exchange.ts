/** The two variants as a client speaks them: what to ask, and what a response says. Neither knows what resources mean. */
import type { ClientType } from './client-type.ts';
import type {
  AnyMessage,
  DeltaRequest,
  DeltaResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from './messages.ts';
import { isWhole, type NodeMessage } from './messages.ts';

/** gRPC's INVALID_ARGUMENT: what a NACK carries. */
const INVALID = 3;

/** What one response says, whichever the variant. `name` is '' where only the resource itself tells it. */
export interface Told {
  nonce: string;
  version: string;
  resources: readonly { name: string; version: string; any: AnyMessage | null }[];
  /** Gone by name. */
  removed: readonly string[];
  /** Of the wanted ones, those that are not in it are gone. */
  whole: boolean;
}

export interface Exchange {
  /** The next request of this type: first on the stream, or another subscription. */
  ask(state: ClientType, node: NodeMessage | null): DiscoveryRequest | DeltaRequest;
  read(state: ClientType, response: DiscoveryResponse | DeltaResponse): Told;
  /** `reason` null: all of it is in use. */
  answer(state: ClientType, reason: string | null): DiscoveryRequest | DeltaRequest;
}

export const SOTW: Exchange = {
  ask(state, node) {
    state.asked = new Set(state.wanted);
    return sotwRequest(state, node);
  },
  read(state, response) {
    const { version_info: version = '', resources, nonce } = response as DiscoveryResponse;
    const list = (resources ?? []).map((any) => ({ name: '', version, any }));
    return { nonce, version, resources: list, removed: [], whole: isWhole(state.type) };
  },
  answer(state, reason) {
    const request = sotwRequest(state, null);
    return reason === null ? request : { ...request, error_detail: { code: INVALID, message: reason } };
  },
};

/** The version is told only for the names it was accepted with: another set of names is another answer. */
function sotwRequest(state: ClientType, node: NodeMessage | null): DiscoveryRequest {
  const { begun, wanted, versionNames, accepted } = state;
  const had = versionNames === wanted.join('\n') && wanted.every((name) => accepted.has(name));
  state.begun = true;
  return {
    ...(node === null ? {} : { node }),
    version_info: begun || had ? state.version : '',
    resource_names: state.wanted,
    type_url: state.type,
    response_nonce: state.nonce,
  };
}

export const DELTA: Exchange = {
  ask(state, node) {
    const added = state.wanted.filter((name) => !state.asked.has(name));
    const gone = [...state.asked].filter((name) => !state.wanted.includes(name));
    const versions = [...state.accepted].map(([name, { version }]) => [name, version]);
    const first = !state.begun;
    state.begun = true;
    state.asked = new Set(state.wanted);
    return {
      ...(node === null ? {} : { node }),
      type_url: state.type,
      resource_names_subscribe: added,
      resource_names_unsubscribe: gone,
      ...(first && versions.length > 0 ? { initial_resource_versions: Object.fromEntries(versions) } : {}),
    };
  },
  read(_state, response) {
    const {
      system_version_info: version = '',
      resources,
      removed_resources,
      nonce,
    } = response as DeltaResponse;
    const list = (resources ?? []).map((each) => ({
      name: each.name,
      version: each.version,
      any: each.resource ?? null,
    }));
    return { nonce, version, resources: list, removed: removed_resources ?? [], whole: false };
  },
  answer(state, reason) {
    return {
      type_url: state.type,
      response_nonce: state.nonce,
      ...(reason === null ? {} : { error_detail: { code: INVALID, message: reason } }),
    };
  },
};
