import { readFile, writeFile } from 'node:fs/promises';
import { AppModule } from './app.module.js';
import { loadEnv } from './kernel/env.js';
import { describeApi } from './kernel/http/http-app.js';

/**
 * Writes the OpenAPI and the AsyncAPI document of every module to `docs/`; with `--check` only compares, and exits 1 if
 * one of them is old.
 */
// Nothing is connected: the documents do not depend on where the database is.
const env = loadEnv({ DATABASE_URL: 'postgres://nobody@127.0.0.1/nothing' });
const { openApi, asyncApi } = await describeApi(AppModule.for(env), env);

for (const [file, document] of [
  ['docs/openapi.json', openApi],
  ['docs/asyncapi.json', asyncApi],
] as const) {
  const text = `${JSON.stringify(document, undefined, 2)}\n`;
  if (!process.argv.includes('--check')) {
    await writeFile(file, text);
  } else if ((await readFile(file, 'utf8')) !== text) {
    process.stderr.write(`${file} is not current: run \`npm run openapi\` and commit it.\n`);
    process.exitCode = 1;
  }
}
