import { readFile, writeFile } from 'node:fs/promises';
import { AppModule } from './app.module.js';
import { loadEnv } from './kernel/env.js';
import { describeApi } from './kernel/http/http-app.js';

/** Writes the OpenAPI document of every module to `docs/openapi.json`; with `--check` only compares, and exits 1 if it is old. */
const FILE = 'docs/openapi.json';

// Nothing is connected: the document does not depend on where the database is.
const env = loadEnv({ DATABASE_URL: 'postgres://nobody@127.0.0.1/nothing' });
const text = `${JSON.stringify(await describeApi(AppModule.for(env)), undefined, 2)}\n`;

if (!process.argv.includes('--check')) {
  await writeFile(FILE, text);
} else if ((await readFile(FILE, 'utf8')) !== text) {
  process.stderr.write(`${FILE} is not current: run \`npm run openapi\` and commit it.\n`);
  process.exitCode = 1;
}
