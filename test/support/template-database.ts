import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { projectFolder } from '../../scripts/services/folders.ts';

/** Queues that are missing are made at the start of an application, so only how they are made is among it. */
const MADE_BY = [
  'src/migrate.ts',
  'src/**/migrations.ts',
  'src/**/migrations/*.ts',
  'src/kernel/messaging/postgres/*.ts',
  'test/support/program-queues.ts',
];

let template: Promise<string> | undefined;

/**
 * The name of a migrated database with the program's queues, to copy. It is made by the first test that asks, under a lock that the others wait for,
 * and named by the text of the migrations, so that changed ones make a new one even on a server that is kept.
 */
export function templateDatabase(server: string): Promise<string> {
  template ??= makeOnce(server);
  return template;
}

async function makeOnce(server: string): Promise<string> {
  const name = `template_${digest()}`;
  const client = new pg.Client({ connectionString: databaseUrl(server, 'postgres') });
  await client.connect();
  try {
    await client.query(`select pg_advisory_lock(hashtext('millrace test template'))`);
    const found = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (found.rowCount === 0) await make(client, server, name);
  } finally {
    await client.end(); // gives the lock back
  }
  return name;
}

/** Migrated under another name first: a run that dies half way leaves no half-migrated template. */
async function make(client: pg.Client, server: string, name: string): Promise<void> {
  const draft = `${name}_draft`;
  await client.query(`drop database if exists ${draft} with (force)`);
  await client.query(`create database ${draft}`);
  const url = databaseUrl(server, draft);
  // Imported here: most tests find a template, and need neither.
  const { migrate } = await import('../../src/migrate.js');
  const { declareQueues } = await import('./program-queues.js');
  await migrate(url);
  await declareQueues(url);
  await client.query(`alter database ${draft} rename to ${name}`);
}

function digest(): string {
  const files = globSync(MADE_BY, { cwd: projectFolder }).sort();
  const hash = createHash('sha256');
  for (const file of files) hash.update(file).update(readFileSync(join(projectFolder, file)));
  return hash.digest('hex').slice(0, 16);
}

/** The same server, another database. */
export function databaseUrl(server: string, name: string): string {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}
