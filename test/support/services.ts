import { randomUUID } from 'node:crypto';
import { requestManagement } from '../../scripts/services/management.ts';
import { sharedServices, type TestUrls } from '../../scripts/services/test-services.ts';
import { query } from '../../scripts/services/postgres.ts';
import { databaseUrl, templateDatabase } from './template-database.ts';

export { startPostgres } from '../../scripts/services/postgres.ts';
export { startRabbitMq, type RabbitMqService } from '../../scripts/services/rabbitmq.ts';
export { startRedis } from '../../scripts/services/redis.ts';
export type { Service } from '../../scripts/services/service.ts';

/** Something of a test's own on a shared server; give it back in `afterAll`. */
export interface Lease {
  readonly url: string;
  release(): Promise<void>;
}

/**
 * A database of the test's own: with every migration applied (`migrated`, a copy of one template, in tens of
 * milliseconds) or `empty`. Releasing it drops it, whoever is still connected.
 */
export async function testDatabase({
  template = 'migrated',
}: { template?: 'migrated' | 'empty' } = {}): Promise<Lease> {
  const server = testUrl('TEST_DATABASE_URL');
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const source = template === 'migrated' ? await templateDatabase(server) : 'template0';
  await query(server, `create database ${name} template ${source}`);
  return {
    url: databaseUrl(server, name),
    release: async () => {
      await query(server, `drop database if exists ${name} with (force)`);
    },
  };
}

/** A RabbitMQ virtual host of the test's own; releasing it deletes it with its queues and connections. */
export async function testVhost(): Promise<Lease> {
  const name = `test-${randomUUID()}`;
  const server = new URL(testUrl('TEST_AMQP_URL'));
  await manage('PUT', `vhosts/${name}`);
  const everything = { configure: '.*', write: '.*', read: '.*' };
  await manage('PUT', `permissions/${name}/${server.username || 'guest'}`, everything);
  server.pathname = `/${name}`;
  return { url: server.href, release: async () => void (await manage('DELETE', `vhosts/${name}`)) };
}

/**
 * One request to RabbitMQ's management API (`path` without `/api/`), answering its JSON. For looking into a broker as an
 * operator would: `manage('GET', 'queues/<vhost>')`. Throws on any answer that is no success.
 */
export async function manage(method: string, path: string, body?: unknown): Promise<unknown> {
  const api = new URL(testUrl('TEST_AMQP_MANAGEMENT_URL'));
  return requestManagement(api, method, path, body);
}

/** The URL of a shared test server: from the environment that `make test` sets, else from a running `make services`. */
export function testUrl(name: keyof TestUrls): string {
  const url = process.env[name] ?? sharedServices()[name];
  if (url) return url;
  throw new Error(
    `${name} is not set: run the tests by \`make test\`, or keep \`make services\` running`,
  );
}
