/** Opens the source of endpoints that is asked for; what it needs is loaded only then. */
import type { EndpointSource, RoutedEvents } from '../discovery/source.ts';
import type { ClusterPolicies } from '../policy/routes/config.ts';
import type { DiscoveryOptions } from './discovery-options.ts';

/** `policies`: the sidecar's own. Resolves to what makes the source, so that nothing is heard before the caller holds it. */
export async function sourceOpener(
  discovery: DiscoveryOptions,
  policies: ClusterPolicies,
): Promise<(events: RoutedEvents) => EndpointSource> {
  if (discovery.kind === 'dns') {
    const { DnsSource } = await import('../discovery/dns-source.ts');
    return (events) => new DnsSource(discovery, events);
  }
  if (discovery.kind === 'registry') {
    const { RegistrySource } = await import('../discovery/registry-source.ts');
    return (events) => new RegistrySource(discovery, events);
  }
  const { XdsSource } = await import('../discovery/xds-source.ts');
  return (events) => new XdsSource(discovery.server, discovery.tls, { ...discovery, policies }, events);
}
