import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { requestManagement } from '../../scripts/services/management.ts';
import { query } from '../../scripts/services/postgres.ts';
import type * as Migrate from '../../src/migrate.js';
import { compiled } from './compiled.ts';

/** Something of this run's own on a server that may be shared. */
export interface Lease {
  readonly url: string;
  release(): Promise<void>;
}

export function setting(name: string): string | undefined {
  return process.env[name] || undefined;
}

/** A number that the caller may set; throws for one that is none. */
export function numberSetting(name: string, fallback: number): number {
  const value = Number(setting(name) ?? fallback);
  if (!Number.isFinite(value) || value <= 0) throw new Error(`${name} must be a number above 0`);
  return value;
}

function required(name: string): string {
  const value = setting(name);
  if (value) return value;
  throw new Error(`${name} is not set: run benchmarks by \`make bench\``);
}

/** A new database with every migration applied. */
export async function freshDatabase(): Promise<Lease> {
  const server = required('BENCH_DATABASE_URL');
  const name = `bench_${randomUUID().replaceAll('-', '')}`;
  await query(server, `create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  const { migrate } = await compiled<typeof Migrate>('migrate.js');
  await migrate(url.href);
  return {
    url: url.href,
    release: async () => void (await query(server, `drop database ${name} with (force)`)),
  };
}

/** A new RabbitMQ virtual host. */
export async function freshVhost(): Promise<Lease> {
  const server = new URL(required('BENCH_AMQP_URL'));
  const name = `bench-${randomUUID()}`;
  const user = decodeURIComponent(server.username) || 'guest';
  await manage('PUT', `vhosts/${name}`);
  await manage('PUT', `permissions/${name}/${user}`, { configure: '.*', write: '.*', read: '.*' });
  server.pathname = `/${name}`;
  return { url: server.href, release: async () => void (await manage('DELETE', `vhosts/${name}`)) };
}

/** One request to RabbitMQ's management API, which is looked for at its usual port unless it is given. */
async function manage(method: string, path: string, body?: unknown): Promise<unknown> {
  const given = setting('BENCH_AMQP_MANAGEMENT_URL');
  const api = new URL(given ?? required('BENCH_AMQP_URL').replace(/^amqp/, 'http'));
  if (!given) api.port = '15672';
  return requestManagement(api, method, path, body);
}

/** The settings that decide whether a commit or a confirm survives a power cut, as the servers themselves tell. */
export async function durability(databaseUrl: string): Promise<Record<string, string>> {
  const rows = await query<{ name: string; setting: string }>(
    databaseUrl,
    `select name, current_setting(name) as setting from pg_settings
     where name in ('server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size',
                    'wal_compression') order by name`,
  );
  const overview = (await manage('GET', 'overview')) as { rabbitmq_version: string };
  return {
    ...Object.fromEntries(rows.map(({ name, setting: value }) => [`postgres.${name}`, value])),
    'rabbitmq.version': overview.rabbitmq_version,
    'rabbitmq.queues': 'quorum, persistent messages, publisher confirms',
  };
}

/** A connection for the whole run. */
export async function connectTo(databaseUrl: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'bench' });
  await client.connect();
  return client;
}
