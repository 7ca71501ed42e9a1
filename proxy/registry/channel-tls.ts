/** TLS of a gRPC channel from a PEM file, towards a control plane or a registry. */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { type ChannelCredentials, type ChannelOptions, credentials } from '@grpc/grpc-js';
import { SidecarError } from '../policy/trouble.ts';

/** `caFile` null trusts what Node trusts, `serverName` null asks for the server's host. */
export interface ChannelTls {
  caFile: string | null;
  serverName: string | null;
}

/** `tls` null: in the clear. `whose` is for people. Throws a SidecarError for a file that cannot be used. */
export function channelTls(
  tls: ChannelTls | null,
  whose: string,
): { credentials: ChannelCredentials; options: ChannelOptions } {
  if (tls === null) return { credentials: credentials.createInsecure(), options: {} };
  const options = tls.serverName === null ? {} : { 'grpc.ssl_target_name_override': tls.serverName };
  if (tls.caFile === null) return { credentials: credentials.createSsl(), options };
  try {
    const pem = readFileSync(tls.caFile);
    createSecureContext({ ca: pem });
    return { credentials: credentials.createSsl(pem), options };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SidecarError('MW_CONFIG', `the authorities of the ${whose} cannot be used: ${reason}`, {
      place: tls.caFile,
      remedy: 'give a PEM file that can be read',
    });
  }
}
