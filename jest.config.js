/** @type {import('jest').Config} */
const base = {
  testEnvironment: '<rootDir>/test/support/closed-environment.js',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: { '^.+\\.ts$': ['@swc/jest'] },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.llmq/'],
};

/** One project per kind of test, so that each can be run alone: `npm test -- --selectProjects unit`. */
export default {
  // Long, for a machine that does much else: it only costs time when a test fails.
  testTimeout: 300_000,
  // What test files load stays in the memory of their worker, several GiB in the end, in which collections take seconds.
  workerIdleMemoryLimit: '1GB',
  testSequencer: '<rootDir>/test/support/long-first.sequencer.js',
  projects: [
    { ...base, displayName: 'unit', testMatch: ['<rootDir>/{src,scripts}/**/*.spec.ts'] },
    { ...base, displayName: 'integration', testMatch: ['<rootDir>/test/integration/**/*.test.ts'] },
    { ...base, displayName: 'e2e', testMatch: ['<rootDir>/test/e2e/**/*.test.ts'] },
    { ...base, displayName: 'chaos', testMatch: ['<rootDir>/test/chaos/**/*.test.ts'] },
  ],
};
