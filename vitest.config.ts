import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/temporary-folder.ts',
    pool: 'forks',
    setupFiles: ['test/support/equality.ts'],
    // The leak test collects garbage before it reads the process's memory.
    execArgv: ['--expose-gc'],
    // Tensor engines use every core; two at once would only wait for each other.
    maxWorkers: 2,
    // several times what they need: a busy machine is no failure
    testTimeout: 300_000,
    hookTimeout: 300_000,
    env: { TF_CPP_MIN_LOG_LEVEL: '3' },
  },
});
