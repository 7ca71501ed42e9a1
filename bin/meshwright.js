#!/usr/bin/env node
// Entry of the command. Plain JavaScript, so that it can say what is wrong when Node is too old or nothing is built.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const NODE_MAJOR_MIN = 20;
const NODE_MINOR_MIN = 19;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < NODE_MAJOR_MIN || (major === NODE_MAJOR_MIN && minor < NODE_MINOR_MIN)) {
  fail(
    `Node ${process.versions.node} is too old. Fix: use Node ${NODE_MAJOR_MIN}.${NODE_MINOR_MIN} or newer.`,
  );
}

// Loading the run command opens many files at once; short of that it would fail in the middle of an import.
const FILES_MIN = 192;
const files = process.argv[2] === 'run' ? openFilesMax() : Infinity;
if (files < FILES_MIN) {
  fail(
    `MW_PROCESS: a run needs ${FILES_MIN} open files per process, the limit is ${files} (at ulimit -n). Fix: run \`ulimit -n ${FILES_MIN}\` first.`,
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

// The soft limit, where the system tells it.
function openFilesMax() {
  try {
    const line = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    return line === null ? Infinity : Number(line[1]);
  } catch {
    return Infinity;
  }
}

function fail(message) {
  process.stderr.write(`meshwright: ${message}\n`);
  process.exit(2);
}
