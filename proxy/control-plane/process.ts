/** `meshwright control-plane` as a process: ready line, the watched file, signals. */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { SidecarError } from '../policy/trouble.ts';
import { reasonOf } from '../xds/read-resource.ts';
import type { MeshPlan } from '../xds/plan.ts';
import { shortType } from '../xds/messages.ts';
import { type FileKind, WatchedFile } from '../discovery/watched-file.ts';
import { ControlPlane } from './grpc-server.ts';
import { parseMesh } from './parse-mesh.ts';

const KIND: FileKind<MeshPlan> = {
  name: 'mesh file',
  parse: parseMesh,
  remedy: 'give the path of a YAML or JSON file with clusters and listeners',
};

/** PEM files of the certificate's chain and its key. */
export interface TlsFiles {
  cert: string;
  key: string;
}

/** Runs until SIGTERM or SIGINT. Rejects with a SidecarError for what the user can mend; nothing is left then. */
export async function runControlPlane(file: string, listen: string, tls: TlsFiles | null): Promise<void> {
  let plane: ControlPlane | null = null;
  let plan: MeshPlan = { clusters: {} };
  const watched = new WatchedFile(file, KIND, {
    onContent: (content) => {
      plan = content;
      const next = plane?.update(content) ?? null;
      if (next !== null) say('changed', { serial: next.serial, clients: plane?.clients ?? 0 });
    },
    onTrouble: (trouble) => {
      if (trouble === null) warn(`the mesh file is good again (${file})`);
      else warn(`${trouble} The last good mesh stays.`);
    },
  });
  const server = new ControlPlane(plan);
  server.onAnswer = ({ node, type, version, reason }) => {
    if (reason !== null) warn(`${node} refused ${shortType(type)} ${version}: ${reason}`);
  };
  const address = await server.listen(listen, tls === null ? null : readPair(tls));
  plane = server;
  watched.watch();
  const stop = (): void => {
    watched.close();
    void server.close().then(() => process.exit(0));
  };
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, stop);
  say('ready', { listen: address, pid: process.pid });
}

function readPair({ cert, key }: TlsFiles): { key: Buffer; cert: Buffer } {
  try {
    const pair = { key: readFileSync(key), cert: readFileSync(cert) };
    createSecureContext(pair);
    return pair;
  } catch (error) {
    throw new SidecarError('MW_CONFIG', `the certificate and its key cannot be used: ${reasonOf(error)}`, {
      place: `${cert}, ${key}`,
      remedy: 'give PEM files that belong together',
    });
  }
}

function say(event: string, facts: object): void {
  process.stdout.write(`${JSON.stringify({ event, ...facts })}\n`);
}

function warn(message: string): void {
  process.stderr.write(`meshwright control-plane: ${message.replace(/\p{Cc}+/gu, ' ').slice(0, 2_000)}\n`);
}
