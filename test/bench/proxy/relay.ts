/** The floor: octets passed on unread by node:net, each connection to the next endpoint in turn. Arguments: ports. */
import { connect, createServer } from 'node:net';

/** Listens on loopback, prints `{"listen":HOST:PORT}`, and ends with its standard input. */
export default function relay(): void {
  const ports = process.argv.slice(2).map(Number);
  let turn = 0;
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port: ports[turn++ % ports.length] as number, host: '127.0.0.1', noDelay: true });
    near.on('data', (chunk) => far.write(chunk));
    far.on('data', (chunk) => near.write(chunk));
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as { port: number };
    process.stdout.write(`${JSON.stringify({ listen: `127.0.0.1:${port}` })}\n`);
  });
  process.stdin.on('end', () => process.exit(0));
  process.stdin.resume();
}
