import { defineConfig } from 'vitest/config';
import { ClosingLine } from './scripts/closing-line.ts';

const WITH_PROCESSES = ['e2e', 'gallery', 'property', 'worlds'].map(
  (folder) => `test/${folder}/**/*.test.ts`,
);

export default defineConfig({
  resolve: {
    alias: [
      { find: /^meshwright$/, replacement: new URL('./sim/index.ts', import.meta.url).pathname },
      { find: /^meshwright\/sidecar$/, replacement: new URL('./proxy/index.ts', import.meta.url).pathname },
    ],
  },
  test: {
    pool: 'threads',
    testTimeout: 60_000,
    reporters: ['default', new ClosingLine()],
    // `npm run coverage`: every branch of what is sans-IO in the sidecar, by tests without processes.
    coverage: {
      provider: 'v8',
      include: ['proxy/{wire,core,policy}/**'],
      reporter: ['text', 'json'],
      reportsDirectory: 'node_modules/.coverage',
      thresholds: { branches: 100 },
    },
    projects: [
      {
        extends: true,
        test: { name: 'pure', include: ['test/**/*.test.ts'], exclude: WITH_PROCESSES },
      },
      {
        extends: true,
        // These start whole meshes of processes: two at once would disturb each other's timing, and what else the machine
        // does can still. So each gets a second try; vitest names those that took it.
        test: {
          name: 'processes',
          include: WITH_PROCESSES,
          fileParallelism: false,
          retry: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
