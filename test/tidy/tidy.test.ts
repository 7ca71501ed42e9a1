/** Rules about the code, as tests: who may import whom, what sans-IO folders must not touch, sizes, opening comments. */
import { describe, expect, it } from 'vitest';
import { importComplaints, SANS_IO, sansIoComplaints, shapeComplaints } from './rules.ts';
import { readSources } from './sources.ts';

const sources = readSources(['proxy', 'sim', 'reports', 'cli', 'scenarios']);

describe('the tree', () => {
  it('was visited', () => {
    const pure = sources.filter(({ path }) => SANS_IO.some((folder) => path.startsWith(`${folder}/`)));
    process.stdout.write(`tidy visited ${sources.length} files, ${pure.length} of them sans-IO\n`);
    expect(sources.length).toBeGreaterThan(100);
    expect(pure.length).toBeGreaterThan(50);
  });

  it('imports only what the table allows', () => {
    expect(sources.flatMap(importComplaints)).toEqual([]);
  });

  it('keeps clocks, randomness, timers and powers out of sans-IO folders', () => {
    expect(sources.flatMap(sansIoComplaints)).toEqual([]);
  });

  it('has small files that say what they are', () => {
    expect(sources.flatMap(shapeComplaints)).toEqual([]);
  });
});

describe('a planted violation is found', () => {
  const planted = (path: string, code: string) => ({ path, text: `/** Planted. */\n${code}\n` });

  it.each([
    ['proxy/wire/x.ts', "import { a } from '../core/a.ts';"],
    ['proxy/core/x.ts', "import net from 'node:net';"],
    ['proxy/host/x.ts', "import type { A } from '../../sim/spec/check.ts';"],
    ['sim/checks/x.ts', "export * from '../engine/run.ts';"],
    ['sim/virtual/x.ts', "const a = await import('../real/a.ts');"],
    ['scenarios/x.scenario.ts', "import { a } from '../sim/index.ts';"],
    ['reports/x.ts', "import { a } from '../cli/main.ts';"],
    ['elsewhere/x.ts', ''],
  ])('import in %s', (path, code) => {
    expect(importComplaints(planted(path, code))).toHaveLength(1);
  });

  it.each([
    'Date.now()',
    'performance.now()',
    'Math.random()',
    'setTimeout(f, 1)',
    'a ** b',
    'Math.pow(2, 3)',
  ])('sans-IO folder with %s', (code) => {
    expect(sansIoComplaints(planted('sim/base/x.ts', `const x = ${code};`))).toHaveLength(1);
    expect(sansIoComplaints(planted('sim/base/x.ts', `// ${code}`))).toEqual([]);
  });

  it('size and opening comment', () => {
    expect(shapeComplaints(planted('cli/x.ts', '\n'.repeat(400)))).toHaveLength(1);
    expect(shapeComplaints({ path: 'cli/x.ts', text: 'export {};' })).toHaveLength(1);
  });
});
