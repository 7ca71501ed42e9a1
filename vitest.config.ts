import { defineConfig } from 'vitest/config';
import { ClosingLine } from './scripts/closing-line.ts';

export default defineConfig({
  resolve: {
    alias: [
      { find: /^meshwright$/, replacement: new URL('./sim/index.ts', import.meta.url).pathname },
      { find: /^meshwright\/sidecar$/, replacement: new URL('./proxy/index.ts', import.meta.url).pathname },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'threads',
    testTimeout: 60_000,
    reporters: ['default', new ClosingLine()],
  },
});
