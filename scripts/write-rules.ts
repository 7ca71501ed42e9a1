/** `npm run rules:page`: writes docs/rules.md anew from the catalogue in sim/rules; a test compares the two. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { type Rule, RULES } from '../sim/rules/index.ts';

const FILE = new URL('../docs/rules.md', import.meta.url);

export default function writeRules(): void {
  mkdirSync(new URL('.', FILE), { recursive: true });
  writeFileSync(FILE, rulesPage());
}

/** The page as Markdown. */
export function rulesPage(): string {
  const groups = [...new Set(RULES.map(({ id }) => id.slice(0, 2)))];
  return INTRODUCTION + groups.map(section).join('\n');
}

function section(group: string): string {
  const rules = RULES.filter(({ id }) => id.startsWith(group));
  const title = TITLES[group] ?? group;
  return `\n## ${title} (${group}, ${rules.length})\n\n${HEAD}${rules.map(row).join('\n')}\n`;
}

function row({ id, kind, rule, source, dialects }: Rule): string {
  return `| ${[id, rule, source, kind, dialects ?? ''].join(' | ')} |`;
}

const TITLES: Readonly<Record<string, string>> = {
  MS: 'Message semantics',
  LB: 'Balancing',
  DC: 'Discovery',
  FO: 'Failover',
  OV: 'Overload',
  LC: 'Lifecycle',
  SE: 'Security',
  TE: 'Telemetry',
};
const HEAD = '| id | rule | source | kind | dialects |\n| --- | --- | --- | --- | --- |\n';
const INTRODUCTION = `# Rules of a gRPC sidecar

What a gRPC sidecar must keep: ${RULES.length} rules, each with its source, and with the dialects where implementations of good standing disagree. This page is made by
\`npm run rules:page\` from \`sim/rules\`. Tests, scenarios and comments in the code name these ids; \`npm run rules\` prints which test or scenario covers
which rule, and which rules nothing covers yet: some of them belong to features that the sidecar does not have.
`;
