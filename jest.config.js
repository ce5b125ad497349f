import { existsSync, readFileSync } from 'node:fs';

const swc = JSON.parse(readFileSync(new URL('./.swcrc', import.meta.url), 'utf8'));
const folders = ['src', 'test', 'bench', 'examples', 'scripts'].filter((name) =>
  existsSync(new URL(name, import.meta.url)),
);

/** Needs NODE_OPTIONS=--experimental-vm-modules, which `make test` sets. @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  roots: folders.map((name) => `<rootDir>/${name}`),
  testMatch: ['**/*.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '<rootDir>/test/architecture/fixtures/'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: { '^.+\\.ts$': ['@swc/jest', { ...swc, swcrc: false, sourceMaps: 'inline' }] },
  globalSetup: '<rootDir>/test/support/compile-programs.ts',
  testSequencer: '<rootDir>/test/support/longest-first.mjs',
  // Integration tests wait more than they compute, so even a small machine runs two files at once.
  maxWorkers: 2,
  testTimeout: 30_000,
};
