/**
 * `npm run example:score`: the whole program with one more module, beside the stand, in a database of its own on the
 * stand's server. Every process that moves instances must know their modules, so it shares nothing with the stand.
 */
import { query } from '../../scripts/services/postgres.ts';
import { InvalidEnvironmentError, loadEnv } from '../../src/kernel/env.js';
import { migrate } from '../../src/migrate.js';

const DUPLICATE_DATABASE = '42P04';

/** Its address; made where it is not there yet. */
async function ownDatabase(standUrl: string): Promise<string> {
  const url = new URL(standUrl);
  const name = `${url.pathname.slice(1)}_score`;
  try {
    await query(standUrl, `create database "${name}"`);
  } catch (error) {
    if ((error as { code?: string }).code !== DUPLICATE_DATABASE) throw error;
  }
  url.pathname = name;
  return url.href;
}

try {
  const databaseUrl = await ownDatabase(loadEnv().DATABASE_URL);
  await migrate(databaseUrl);
  Object.assign(process.env, {
    DATABASE_URL: databaseUrl,
    AMQP_URL: '',
    REDIS_URL: '',
    ROLES: 'api,worker,relay,scheduler',
    PORT: process.env['EXAMPLE_PORT'] ?? '8020',
  });
  await import('./main.js');
} catch (error) {
  if (!(error instanceof InvalidEnvironmentError)) throw error;
  console.error(`${error.message}\nIs the stand up? \`make all\` starts it.`);
  process.exitCode = 1;
}
