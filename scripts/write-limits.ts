/** `npm run limits`: writes docs/limits.md anew from the table of limits; a test compares the two. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { HOST_LIMITS } from '../proxy/host/limits-table.ts';
import { LIMITS, type Limit } from '../proxy/wire/limits-table.ts';

const FILE = new URL('../docs/limits.md', import.meta.url);

export default function writeLimits(): void {
  mkdirSync(new URL('.', FILE), { recursive: true });
  writeFileSync(FILE, limitsPage());
}

/** The page as Markdown. */
export function limitsPage(): string {
  return `${INTRODUCTION}${rows(LIMITS)}\n\nAround the engine, at the sockets (\`proxy/host/limits-table.ts\`):\n\n${HEAD}${rows(HOST_LIMITS)}\n`;
}

function rows(table: Readonly<Record<string, Limit>>): string {
  return Object.entries(table)
    .map(([name, limit]) => row(name, limit))
    .join('\n');
}

const ROLES = { both: 'both', server: '`server` only', client: '`client` only' } as const;

function row(name: string, limit: Limit): string {
  const usual = limit.byDefault.toLocaleString('en-US');
  const byDefault =
    limit.clientDefault === undefined
      ? usual
      : `${usual}; \`client\` ${limit.clientDefault.toLocaleString('en-US')}`;
  const range = `${limit.least.toLocaleString('en-US')} to ${limit.most.toLocaleString('en-US')}`;
  const cells = [`\`${name}\``, limit.bounds, limit.unit, byDefault, range, ROLES[limit.roles]];
  return `| ${[...cells, limit.attack, limit.source].join(' | ')} |`;
}

const HEAD =
  '| name | what it bounds | unit | default | range | side | attack | source |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n';
const INTRODUCTION = `# Limits of the sidecar

Every bound of the HTTP/2 engine and of the sockets around it, with its default. This page is made by \`npm run limits\` from \`proxy/wire/limits-table.ts\`, which
the engine itself reads; \`test/attacks\` removes each limit in turn and shows that some attack then gets through.

In the configuration file, for both sides or for one:

\`\`\`yaml
limits:
  headerFieldsMax: 200 # both sides
  server: { concurrentStreamsMax: 250, streamIdleTimeoutMs: 60000 } # connections from callers
  client: { openStreamsMax: 100 } # connections to endpoints
\`\`\`

On the command line, as often as needed: \`--limit headerFieldsMax=200 --limit server.concurrentStreamsMax=250\`. Flags win over the file,
a side's own value over the one for both. A name that is not here, a value out of its range, or a side that a limit does not concern
ends the start with exit code 2 and a message that says what would be right.

The last but one column is the attack that the limit stands against, numbered as in \`test/attacks\`; the last one is where the number comes from.

${HEAD}`;
