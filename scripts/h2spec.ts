// Runs the HTTP/2 conformance tester h2spec (strict) against a spawned sidecar in front of a node:http2 upstream, and prints
// what passed: `node scripts/run-ts.mjs scripts/h2spec.ts [SECTIONS]`. Needs a build. h2spec comes from PATH or
// ~/go/bin, or is installed by `go install`; without both the run is skipped with the reason (exit code 0).
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE = 'github.com/summerwind/h2spec/cmd/h2spec@v2.6.0';
const RUN_MS_MAX = 300_000;
const MAIN = fileURLToPath(new URL('../dist/proxy/host/main.js', import.meta.url));

export default async function h2spec(): Promise<void> {
  const tool = findTool();
  if (tool === null) {
    console.log(`h2spec: skipped, it is not on PATH and could not be installed (go install ${PACKAGE})`);
    return;
  }
  if (!existsSync(MAIN)) {
    console.error('h2spec: nothing is built; run `npm run build` first');
    process.exitCode = 2;
    return;
  }
  const upstream = await startUpstream();
  const sidecar = spawn(
    process.execPath,
    [MAIN, '--listen', '127.0.0.1:0', '--upstream', `127.0.0.1:${portOf(upstream)}`],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  try {
    const port = await listeningPort(sidecar);
    const run = spawn(tool, ['--strict', '-h', '127.0.0.1', '-p', String(port), ...process.argv.slice(2)], {
      timeout: RUN_MS_MAX,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    report(await textOf(run));
  } finally {
    sidecar.kill('SIGTERM');
    upstream.close();
  }
}

function report(text: string): void {
  const found = /(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed/.exec(text);
  if (found === null) {
    console.error(`h2spec: it did not finish:\n${text.slice(-2_000)}`);
    process.exitCode = 1;
    return;
  }
  const [, tests, passed, skipped, failed] = found;
  if (failed !== '0') console.log(text.slice(text.indexOf('Failures:')));
  console.log(`h2spec --strict: ${passed} of ${tests} passed, ${skipped} skipped, ${failed} failed`);
  if (failed !== '0') process.exitCode = 1;
}

function findTool(): string | null {
  const places = ['h2spec', join(homedir(), 'go/bin/h2spec')];
  for (const place of places) if (spawnSync(place, ['--version']).status === 0) return place;
  if (spawnSync('go', ['install', PACKAGE], { timeout: RUN_MS_MAX }).status !== 0) return null;
  return places.find((place) => spawnSync(place, ['--version']).status === 0) ?? null;
}

/** Answers every request with a body that is long enough for the cases on flow control. */
async function startUpstream(): Promise<http2.Http2Server> {
  const server = http2.createServer();
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    stream.resume();
    stream.respond({ ':status': 200, 'content-type': 'text/plain' });
    stream.end('a body of some octets');
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return server;
}

function portOf(server: http2.Http2Server): number {
  return (server.address() as AddressInfo).port;
}

/** The port in the sidecar's first line that names its listener. */
function listeningPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = '';
    const look = (chunk: Buffer): void => {
      text += chunk.toString();
      const found = /listen\w*\W+(?:on\s+)?127\.0\.0\.1:(\d+)/i.exec(text);
      if (found !== null) resolve(Number(found[1]));
    };
    child.stdout?.on('data', look);
    child.stderr?.on('data', look);
    child.on('exit', (code) => reject(new Error(`the sidecar ended with ${code}: ${text}`)));
  });
}

async function textOf(child: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout ?? []) text += String(chunk);
  return text;
}
