/**
 * `make services`: keeps Postgres, RabbitMQ and Redis for the tests running in the foreground, so that `make test` and
 * Jest start at once. Ctrl-C stops them.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { standFolder } from './services/folders.ts';
import {
  obtainTestServices,
  sharedServicesFile,
  sharedServices,
} from './services/test-services.ts';

if (Object.keys(sharedServices()).length > 0) {
  console.log(`Running already: ${sharedServicesFile}`);
} else {
  const { urls, stop } = await obtainTestServices();
  await mkdir(standFolder, { recursive: true });
  await writeFile(sharedServicesFile, JSON.stringify({ pid: process.pid, urls }, undefined, 2));
  for (const [name, url] of Object.entries(urls)) console.log(`export ${name}=${url}`);
  console.log(`# also in ${sharedServicesFile}; Ctrl-C stops them`);
  const keepAlive = setInterval(() => undefined, 60_000);
  const end = () => {
    clearInterval(keepAlive);
    void stop().then(() => rm(sharedServicesFile, { force: true }));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
}
