#!/usr/bin/env node
// Entry of the command. Plain JavaScript, so that it can say what is wrong when Node is too old or nothing is built.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const NODE_MAJOR_MIN = 20;
const NODE_MINOR_MIN = 19;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < NODE_MAJOR_MIN || (major === NODE_MAJOR_MIN && minor < NODE_MINOR_MIN)) {
  fail(
    `Node ${process.versions.node} is too old. Fix: use Node ${NODE_MAJOR_MIN}.${NODE_MINOR_MIN} or newer.`,
  );
}

const root = new URL('../', import.meta.url);
const entry = new URL('dist/cli/main.js', root);
if (!existsSync(entry)) build();
const { main } = await import(entry.href);
await main(process.argv);

// A checkout whose install scripts were switched off (npm ci --ignore-scripts) has no dist/ yet: build it once.
function build() {
  const compiler = new URL('node_modules/typescript/bin/tsc', root);
  if (!existsSync(compiler)) {
    fail(
      'dist/ is missing and the compiler is not installed. Fix: run `npm ci && npm run build` in the checkout.',
    );
  }
  process.stderr.write('meshwright: dist/ is missing, building it once\n');
  const config = fileURLToPath(new URL('tsconfig.build.json', root));
  const result = spawnSync(process.execPath, [fileURLToPath(compiler), '-p', config], { encoding: 'utf8' });
  if (!existsSync(entry)) {
    const output = `${result.stdout ?? ''}${result.stderr ?? ''}`.trim().split('\n').slice(0, 5).join('\n');
    fail(`the build failed. Fix: run \`npm run build\` in the checkout.\n${output}`);
  }
}

function fail(message) {
  process.stderr.write(`meshwright: ${message}\n`);
  process.exit(2);
}
