/**
 * `make test`: every test on real Postgres, RabbitMQ and Redis, which it gets itself and stops again.
 * `make test T=outbox` runs the files whose path matches; other arguments go to Jest.
 */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { projectFolder, standFolder } from './services/folders.ts';
import { obtainTestServices } from './services/test-services.ts';

interface JestResults {
  numPassedTests: number;
  numFailedTests: number;
  numRuntimeErrorTestSuites: number;
}

const resultsFile = join(standFolder, 'test-results.json');
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interrupted.abort());
}

async function main(): Promise<number> {
  await mkdir(standFolder, { recursive: true });
  await rm(resultsFile, { force: true });
  const since = Date.now();
  const services = await obtainTestServices();
  try {
    console.log(`Services are ready after ${((Date.now() - since) / 1000).toFixed(1)} s`);
    if (interrupted.signal.aborted) return 130;
    return await runJest({ ...services.urls });
  } finally {
    await services.stop();
  }
}

async function runJest(urls: Record<string, string>): Promise<number> {
  const jest = join(projectFolder, 'node_modules/jest/bin/jest.js');
  const pattern = process.env['T'] ? [process.env['T']] : [];
  const args = [
    jest,
    ...pattern,
    ...process.argv.slice(2),
    '--json',
    `--outputFile=${resultsFile}`,
  ];
  const run = await execa(process.execPath, args, {
    cwd: projectFolder,
    stdin: 'ignore',
    stdout: 'ignore', // the JSON; the report for people is on stderr
    stderr: 'inherit',
    env: { NODE_ENV: 'test', ...urls, NODE_OPTIONS: '--experimental-vm-modules --no-warnings' },
    cancelSignal: interrupted.signal,
    reject: false,
  });
  if (interrupted.signal.aborted) return 130;
  await printSummary();
  return run.exitCode ?? 1;
}

/** A file that cannot even be loaded has no tests to count, so it counts as one failure. */
async function printSummary(): Promise<void> {
  const results = JSON.parse(await readFile(resultsFile, 'utf8')) as JestResults;
  const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
  console.log(`${results.numPassedTests} passed, ${failed} failed`);
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
