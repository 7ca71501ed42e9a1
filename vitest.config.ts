import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { alias: { meshwright: new URL('./sim/index.ts', import.meta.url).pathname } },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'threads',
    testTimeout: 60_000,
  },
});
